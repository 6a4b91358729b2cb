"""The initramfs: a cpio archive in the kernel's `newc` format, uncompressed, for unpacking costs boot time."""

from __future__ import annotations

import stat
from pathlib import Path

_CONSOLE = (5, 1)


def write_initramfs(tree: Path, target: Path) -> None:
    """Pack a directory, everything owned by root, and the device node that the first process needs as its console."""
    with target.open("wb") as file:
        number = 0
        for path in sorted(tree.rglob("*")):
            number += 1
            status = path.lstat()
            kind = stat.S_IFDIR if path.is_dir() else stat.S_IFREG
            mode = kind | (0o755 if path.is_dir() or status.st_mode & 0o100 else 0o644)
            content = b"" if path.is_dir() else path.read_bytes()
            file.write(_entry(number, path.relative_to(tree).as_posix(), mode, content))
        file.write(_entry(number + 1, "dev/console", stat.S_IFCHR | 0o600, b"", _CONSOLE))
        file.write(_entry(0, "TRAILER!!!", 0, b""))


def _entry(number: int, name: str, mode: int, content: bytes, device: tuple[int, int] = (0, 0)) -> bytes:
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(encoded), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + encoded) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
