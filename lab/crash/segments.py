"""Pieces of virtual memory that lie about in a file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from lab.crash.dump_file import DumpFile

MAX_READ = 64 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """`size` bytes of memory from `address` on, at a file offset."""

    address: int
    size: int
    offset: int


class SegmentMemory:
    """Memory of segments, which may touch and overlap."""

    def __init__(self, file: DumpFile, segments: Iterable[Segment]) -> None:
        self._file = file
        self.segments = sorted((each for each in segments if each.size > 0), key=lambda each: each.address)
        self._starts = [each.address for each in self.segments]
        self._reach = []
        """The segment that reaches furthest, of those that begin at or before each one."""
        furthest = 0
        for i, each in enumerate(self.segments):
            last = self.segments[furthest]
            furthest = i if each.address + each.size >= last.address + last.size else furthest
            self._reach.append(furthest)

    @property
    def size(self) -> int:
        """Bytes in all segments."""
        return sum(each.size for each in self.segments)

    def read(self, address: int, count: int) -> bytes:
        """From `address` up to the first hole."""
        data = bytearray()
        count = min(count, MAX_READ)
        while len(data) < count:
            piece = self._piece(address + len(data), count - len(data))
            if not piece:
                break
            data += piece
        return bytes(data)

    def _piece(self, address: int, count: int) -> bytes:
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return b""
        for segment in (self.segments[index], self.segments[self._reach[index]]):
            inside = address - segment.address
            if inside < segment.size:
                return self._file.read(segment.offset + inside, min(count, segment.size - inside))
        return b""
