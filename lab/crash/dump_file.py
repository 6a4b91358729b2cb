"""A dump file as bytes: every read is checked, and a damaged file is told of with the offset."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path
from typing import Any, BinaryIO

from lab.errors import UsageError

MAX_TAKE = 64 << 20
"""Bytes of one structure that are read at most."""


class BadDumpError(UsageError):
    """A dump that is damaged, cut off, or none that can be read."""


class DumpFile:
    """Reads at offsets. Not mapped: a file that somebody truncates meanwhile must not kill the process."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        """Takes `file` over; `path` is what the user calls it."""
        self._file = file
        self.path = path
        self.size = file.seek(0, os.SEEK_END)

    @classmethod
    def open(cls, path: Path) -> DumpFile:
        """Raises UsageError when it cannot be read."""
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise UsageError(f"{path} is no file", "name a dump file")
            return cls(path.open("rb"), path)
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from error

    def read(self, offset: int, count: int) -> bytes:
        """What is there: less than `count` bytes at the end of the file, none behind it."""
        if not 0 <= offset < self.size or count <= 0:
            return b""
        try:
            return os.pread(self._file.fileno(), min(count, self.size - offset), offset)
        except OSError as error:
            raise BadDumpError(f"cannot read {self.path} at {offset:#x}: {error.strerror}") from error

    def take(self, offset: int, count: int, what: str) -> bytes:
        """`count` bytes. Raises BadDumpError, in which `what` is the name of what should be there."""
        if count > MAX_TAKE:
            raise self.bad(offset, f"{what}: {count:#x} bytes are too many")
        data = self.read(offset, count)
        if len(data) < count:
            raise self.bad(offset, f"{what}: {count:#x} bytes, but the file ends at {self.size:#x}")
        return data

    def unpack(self, form: str, offset: int, what: str) -> tuple[Any, ...]:
        """The fields of a structure. Raises BadDumpError."""
        return struct.unpack(form, self.take(offset, struct.calcsize(form), what))

    def bad(self, offset: int, what: str) -> BadDumpError:
        """The error that says what is wrong where."""
        advice = "the file is damaged or was cut off: copy it again, or look at another dump of the same crash"
        return BadDumpError(f"{self.path}: at {offset:#x}: {what}", advice)
