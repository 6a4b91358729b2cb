"""Text on the port outside any packet, cut into lines."""

from __future__ import annotations

LINE_LIMIT = 512
IDLE = 0.1
"""Seconds after which an unfinished line is given out."""
PLAIN_TARGET = 4096
"""So much text without a single packet: the target does not speak the protocol."""


class RawText:
    """Collects stray bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""
        self._total = 0
        self._told = False
        self.due: float | None = None

    def feed(self, data: bytes, now: float) -> list[str]:
        """Take bytes; return the lines (or pieces of LINE_LIMIT) that are complete, with their line ends."""
        self._total += len(data)
        *lines, self._rest = (self._rest + data).splitlines(keepends=True)
        if self._rest.endswith(b"\n"):
            lines, self._rest = [*lines, self._rest], b""
        while len(self._rest) >= LINE_LIMIT:
            lines.append(self._rest[:LINE_LIMIT])
            self._rest = self._rest[LINE_LIMIT:]
        self.due = now + IDLE if self._rest else None
        return [line.decode("latin-1") for line in lines]

    def flush(self) -> list[str]:
        """The unfinished line."""
        rest, self._rest = self._rest, b""
        self.due = None
        return [rest.decode("latin-1")] if rest else []

    def looks_plain(self, *, packets: int) -> bool:
        """True once, when there was much text and never a packet."""
        if self._told or packets or self._total < PLAIN_TARGET:
            return False
        self._told = True
        return True
