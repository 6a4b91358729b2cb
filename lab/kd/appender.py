"""An append-only file whose lines wait in memory until there is time to write them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

KEEP_BYTES = 1 << 24
"""What is kept in memory when the disk takes nothing; beyond it lines are lost, and `flush` says how many."""


class Appender:
    """Appends lines to a file: what the disk refuses waits in memory, up to a limit."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises OSError when it cannot be written."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self.is_regular = stat.S_ISREG(os.fstat(self._file).st_mode)
        """Not a pipe or a terminal: what was written can be read again."""
        self._waiting: list[bytes] = []
        self.size = 0
        self._lost = 0

    def mend_last_line(self) -> None:
        """End a line that a killed writer left behind."""
        end = os.lseek(self._file, 0, os.SEEK_END)
        if end and os.pread(self._file, 1, end - 1) != b"\n":
            os.write(self._file, b"\n")

    def add(self, line: bytes) -> None:
        """Take a line; it is in the file after `flush`."""
        if self.size > KEEP_BYTES:
            self._lost += 1
            return
        self._waiting.append(line)
        self.size += len(line)

    def flush(self) -> int:
        """Write what waits; return how many lines were given up before, once writing works again."""
        data = self.take()
        return self.wrote(data, self.write(data))

    def take(self) -> bytes:
        """What waits, to be written without keeping anybody from adding more; it counts until `wrote`."""
        waiting, self._waiting = self._waiting, []
        return b"".join(waiting)

    def write(self, data: bytes) -> bytes:
        """Write what was taken, however long that lasts; return what the disk refuses."""
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written : written + (1 << 20)])
        except OSError:
            return data[written:]  # the link must go on: the next flush tries again
        return b""

    def wrote(self, data: bytes, refused: bytes) -> int:
        """Done with what was taken; return how many lines were given up before, once writing works again."""
        self.size -= len(data) - len(refused)
        if refused:
            self._waiting.insert(0, refused)
            return 0
        lost, self._lost = self._lost, 0
        return lost

    def close(self) -> None:
        """Close the file; what was not flushed is lost."""
        os.close(self._file)
