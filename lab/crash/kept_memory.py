"""Memory of a target that stands still: read once, and kept for when it runs again."""

from __future__ import annotations

import time
from collections.abc import Iterable

from lab.symbols.memory import ReadMemory

LINE = 512
LONGEST = 1 << 20
"""Bytes that one call keeps at most."""


class KeptMemory:
    """Reads through to a target until its time is over or it is closed; what was read stays.

    What is asked of the target later is not there.
    """

    def __init__(self, read: ReadMemory | None = None, deadline: float = 0.0) -> None:
        """`deadline` is of `time.monotonic`."""
        self._read = read
        self._deadline = deadline
        self._lines: dict[int, bytes] = {}
        self.was_cut = False
        """Was there something to read when there was no more time?"""

    @classmethod
    def of(cls, regions: Iterable[tuple[int, bytes]]) -> KeptMemory:
        """What `regions` gave before."""
        memory = cls()
        for address, data in regions:
            for at in range(0, len(data), LINE):
                memory._lines[address + at] = data[at : at + LINE]
        return memory

    def read(self, address: int, count: int) -> bytes:
        """Up to `count` bytes; fewer where there is no memory."""
        data = bytearray()
        while len(data) < count:
            at = address + len(data)
            start = at & ~(LINE - 1)
            line = self._line(start)
            piece = line[at - start : at - start + count - len(data)]
            data += piece
            if at - start + len(piece) < LINE and len(data) < count:
                break
        return bytes(data)

    def keep(self, address: int, count: int) -> int:
        """Read that much in as few requests as can be; returns how many bytes are there."""
        start = address & ~(LINE - 1)
        end = address + min(count, LONGEST)
        while start < end and start in self._lines:
            start += LINE
        if start < end and self._may_read():
            assert self._read  # noqa: S101
            data = self._read(start, (end - start + LINE - 1) // LINE * LINE)
            for at in range(0, len(data), LINE):
                self._lines.setdefault(start + at, data[at : at + LINE])
        return len(self.read(address, min(count, LONGEST)))

    def close(self) -> None:
        """The target runs again."""
        self._read = None

    def regions(self) -> list[tuple[int, bytes]]:
        """All that was read, in order of address, adjacent pieces as one."""
        found: list[tuple[int, bytearray]] = []
        for start in sorted(self._lines):
            line = self._lines[start]
            if not line:
                continue
            if found and found[-1][0] + len(found[-1][1]) == start:
                found[-1][1].extend(line)
            else:
                found.append((start, bytearray(line)))
        return [(start, bytes(data)) for start, data in found]

    def _line(self, start: int) -> bytes:
        line = self._lines.get(start)
        if line is None:
            if not self._may_read():
                return b""
            assert self._read  # noqa: S101
            line = self._lines[start] = self._read(start, LINE)
        return line

    def _may_read(self) -> bool:
        if self._read is None:
            return False
        in_time = time.monotonic() < self._deadline
        self.was_cut = self.was_cut or not in_time
        return in_time
