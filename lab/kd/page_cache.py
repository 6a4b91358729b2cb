"""The memory of a stopped target, read once."""

from __future__ import annotations

from lab.symbols.memory import ReadMemory

LINE = 512
MAX_LINES = 1 << 15


class PageCache:
    """Reads through to `read` in aligned pieces, and keeps them until `forget`."""

    def __init__(self, read: ReadMemory) -> None:
        self._read = read
        self._lines: dict[int, bytes] = {}

    def forget(self) -> None:
        """The target ran, or its memory was written."""
        self._lines.clear()

    def read(self, address: int, count: int) -> bytes:
        """Up to `count` bytes; fewer where there is no memory."""
        data = bytearray()
        while len(data) < count:
            at = address + len(data)
            start = at & ~(LINE - 1)
            piece = self._line(start)[at - start : at - start + count - len(data)]
            data += piece
            if at - start + len(piece) < LINE and len(data) < count:
                break
        return bytes(data)

    def _line(self, start: int) -> bytes:
        line = self._lines.get(start)
        if line is None:
            if len(self._lines) >= MAX_LINES:
                self._lines.clear()
            line = self._lines[start] = self._read(start, LINE)
        return line
