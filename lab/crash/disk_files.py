"""Gets a file out of a disk's file systems. A program of its own: what the disk holds is hostile, and The Sleuth Kit is
written in C.

`python -m lab.crash.disk_files SOCKET PATH TARGET`: the last line of its output says how it ended, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytsk3

from lab.crash.nbd import NbdDisk

PATIENCE = 30.0
"""Seconds for each answer of the disk's server."""
PIECE = 1 << 20
MAX_PARTITIONS = 128


class _Image(pytsk3.Img_Info):  # type: ignore[misc]
    """The disk, as The Sleuth Kit reads it."""

    def __init__(self, disk: NbdDisk) -> None:
        self._disk = disk
        super().__init__(url="")

    def read(self, offset: int, count: int) -> bytes:
        return self._disk.read(offset, count)

    def get_size(self) -> int:
        return int(self._disk.size)

    def close(self) -> None:
        self._disk.close()


def posix_path(guest_path: str) -> str:
    r"""`C:\Windows\MEMORY.DMP` as `/Windows/MEMORY.DMP`; a drive's letter is nowhere on the disk."""
    path = guest_path.replace("\\", "/")
    return "/" + (path[2:] if path[1:2] == ":" else path).strip("/")


def fetch(disk: NbdDisk, guest_path: str, target: Path) -> dict[str, Any]:
    """Copy the file out of the first file system that has it."""
    image, path, searched = _Image(disk), posix_path(guest_path), 0
    for offset in _file_systems(image):
        try:
            system = pytsk3.FS_Info(image, offset=offset)
        except OSError:
            continue
        searched += 1
        try:
            file = system.open(path)
            size, is_file = file.info.meta.size, file.info.meta.type == pytsk3.TSK_FS_META_TYPE_REG
        except (OSError, AttributeError):
            continue
        if not is_file:
            return {"error": f"{guest_path} is there, but no plain file"}
        with target.open("wb") as out:
            _copy(file, size, out)
        return {"size": size, "offset": offset}
    what = f"no {guest_path} on it" if searched else "no file system on it that can be read"
    return {"error": f"{what} ({searched} searched)" if searched else what}


def _file_systems(image: _Image) -> Iterator[int]:
    """Where file systems may begin, in bytes."""
    try:
        volumes = pytsk3.Volume_Info(image)
    except OSError:
        yield 0
        return
    for _, part in zip(range(MAX_PARTITIONS), volumes, strict=False):
        if int(part.flags) & int(pytsk3.TSK_VS_PART_FLAG_ALLOC):
            yield part.start * volumes.info.block_size


def _copy(file: Any, size: int, out: BinaryIO) -> None:
    at = 0
    while at < size:
        piece = file.read_random(at, min(PIECE, size - at))
        if not piece:
            raise OSError(f"the file ends at {at:#x}, its entry says {size:#x}")
        if piece.count(0) == len(piece):
            out.seek(len(piece), os.SEEK_CUR)
        else:
            out.write(piece)
        at += len(piece)
    out.truncate()


def main(arguments: list[str]) -> int:
    socket, guest_path, target = arguments
    try:
        result = fetch(NbdDisk(Path(socket), PATIENCE), guest_path, Path(target))
    except OSError as error:
        result = {"error": str(error).splitlines()[0] if str(error) else type(error).__name__}
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
