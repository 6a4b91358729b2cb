"""A very small FAT12 volume with files in folders, as somebody's setup would leave one on a disk.

Source: Microsoft, "FAT: General Overview of On-Disk Format", 1.03.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

SECTOR = 512
ROOT_ENTRIES = 16
FOLDER, FILE = 0x10, 0x20
END = 0xFFF


def fat_volume(files: Mapping[str, bytes], sectors: int) -> bytes:
    """The volume's sectors. Paths are like `WINDOWS/PANTHER/X.LOG`, in capital letters, names of eight and three."""
    clusters: list[bytes] = []
    chains: list[int] = []

    def keep(content: bytes) -> int:
        """The first of the clusters, of one sector each, that have it."""
        first, count = len(clusters) + 2, max(1, -(-len(content) // SECTOR))
        clusters.extend(content[i * SECTOR :][:SECTOR].ljust(SECTOR, b"\0") for i in range(count))
        chains.extend([*range(first + 1, first + count), END])
        return first

    def folder(prefix: str) -> bytes:
        names = dict.fromkeys(path.removeprefix(prefix).split("/")[0] for path in files if path.startswith(prefix))
        return b"".join(entry(prefix + name) for name in names)

    def entry(path: str) -> bytes:
        content = files.get(path)
        kind, size = (FOLDER, 0) if content is None else (FILE, len(content))
        first = keep(folder(f"{path}/") if content is None else content)
        stem, _, suffix = path.rpartition("/")[2].partition(".")
        name = f"{stem:8}{suffix:3}".encode("ascii")
        return struct.pack("<11sB14xHI", name, kind, first, size)

    root = folder("").ljust(ROOT_ENTRIES * 32, b"\0")
    fat = b"".join(struct.pack("<I", a | b << 12)[:3] for a, b in _pairs([0xFF8, END, *chains]))
    start = _boot_sector(sectors) + fat.ljust(SECTOR, b"\0") + root + b"".join(clusters)
    assert len(fat) <= SECTOR
    assert len(start) <= sectors * SECTOR
    return start.ljust(sectors * SECTOR, b"\0")


def _boot_sector(sectors: int) -> bytes:
    head = struct.pack("<3s8sHBHBHHBHHHII", b"\xeb\x3c\x90", b"STANDIN ", SECTOR, 1, 1, 1, ROOT_ENTRIES, sectors, 0xF8,
                       1, 32, 1, 0, 0)  # fmt: skip
    tail = struct.pack("<BBBI11s8s", 0x80, 0, 0x29, 1, b"STANDIN    ", b"FAT12   ")
    return (head + tail).ljust(SECTOR - 2, b"\0") + b"\x55\xaa"


def _pairs(entries: list[int]) -> list[tuple[int, int]]:
    even = [*entries, 0] if len(entries) % 2 else entries
    return list(zip(even[::2], even[1::2], strict=True))


def partition_entry(first: int, sectors: int) -> bytes:
    """The one line of a partition table that leads to a FAT12 volume at a sector."""
    return struct.pack("<B3xB3xII", 0x80, 1, first, sectors)
