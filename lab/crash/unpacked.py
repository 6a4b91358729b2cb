"""Compressed dumps: unpacked into a nameless temporary file, zeros left out."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO, Protocol

import zstandard

from lab.crash.dump_file import BadDumpError, DumpFile
from lab.errors import InfrastructureError

MAX_UNPACKED = 64 << 30
"""Bytes."""
_PIECE = 1 << 20
_HEADROOM = 256 << 20
"""Bytes of the temporary directory's file system that are left free."""


class _Readable(Protocol):
    def read(self, count: int, /) -> bytes: ...


def _gzip(file: BinaryIO) -> _Readable:
    return gzip.GzipFile(fileobj=file)


def _zstd(file: BinaryIO) -> _Readable:
    return zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file, read_across_frames=True)


_FORMATS: dict[bytes, Callable[[BinaryIO], _Readable]] = {b"\x1f\x8b": _gzip, b"\x28\xb5\x2f\xfd": _zstd}
_DUMPS = (b"MDMP", b"PAGEDU64", b"PAGEDUMP")
"""What is worth unpacking."""
_BROKEN = (EOFError, OSError, zlib.error, zstandard.ZstdError)


def open_unpacked(path: Path) -> DumpFile:
    """The file itself, or what a gzip or zstd file holds. Raises UsageError, InfrastructureError (no room)."""
    packed = DumpFile.open(path)
    start = packed.read(0, 4)
    unpack = next((each for magic, each in _FORMATS.items() if start.startswith(magic)), None)
    if unpack is None:
        return packed
    target = tempfile.TemporaryFile(prefix="lab-dump-")  # noqa: SIM115  (DumpFile owns it)
    try:
        with path.open("rb") as file:
            _copy(unpack(file), target, path)
    except BaseException:
        target.close()
        raise
    return DumpFile(target, path)


def _copy(source: _Readable, target: IO[bytes], path: Path) -> None:
    size, limit = 0, min(MAX_UNPACKED, shutil.disk_usage(tempfile.gettempdir()).free - _HEADROOM)
    zeros = bytes(_PIECE)
    while True:
        try:
            piece = source.read(_PIECE)
        except _BROKEN as error:
            raise BadDumpError(f"{path}: cannot be unpacked behind {size:#x} bytes: {error}") from error
        if not piece:
            break
        if not size and not piece.startswith(_DUMPS):
            raise BadDumpError(f"{path}: what is packed in it begins with {piece[:8]!r}: no dump")
        size += len(piece)
        if size > MAX_UNPACKED:
            raise BadDumpError(f"{path}: unpacks to more than {MAX_UNPACKED >> 30} GiB")
        if size > limit:
            raise InfrastructureError(f"no room to unpack {path}", f"free some of {tempfile.gettempdir()}, set TMPDIR")
        if piece == zeros[: len(piece)]:
            target.truncate(size)
            target.seek(size)
        else:
            target.write(piece)
    target.flush()
