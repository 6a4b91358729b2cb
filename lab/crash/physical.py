"""Where a kernel dump keeps which page of physical memory: by runs of pages, or by a bitmap of those present."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from lab.crash.dump_file import DumpFile
from lab.crash.kernel_header import Run

PAGE = 0x1000
MAX_PAGE = 1 << 40
"""Processors have 52 bits of physical address."""
MAX_RANGES = 1 << 20
_BLOCK = 512
"""Bytes of bitmap between two sums."""


class PageRuns:
    """Pages that lie in the file in the order of these runs."""

    def __init__(self, file: DumpFile, runs: Iterable[Run], first: int) -> None:
        """`first` is the file offset of the first page. Raises BadDumpError for runs that cannot be."""
        placed = []
        at = first
        for run in runs:
            if run.page + run.count > MAX_PAGE:
                raise file.bad(first, f"a run of {run.count:#x} pages at page {run.page:#x} lies behind all memory")
            placed.append((run.page, run.count, at))
            at += run.count * PAGE
        self.end = at
        """Where the last page ends in the file."""
        self.count = (at - first) // PAGE
        self._runs = sorted(placed)
        self._starts = [each[0] for each in self._runs]

    def offset(self, page: int) -> int | None:
        """Where that page is in the file; None when it was not kept."""
        index = bisect_right(self._starts, page) - 1
        if index < 0:
            return None
        start, count, at = self._runs[index]
        return at + (page - start) * PAGE if page < start + count else None


class PageBitmap:
    """Pages that lie in the file in order, one for each bit that is set."""

    def __init__(self, bitmap: bytes, first: int) -> None:
        self._bitmap = bitmap
        self._first = first
        blocks = (bitmap[at : at + _BLOCK] for at in range(0, len(bitmap), _BLOCK))
        self._before = [0, *accumulate(int.from_bytes(each, "little").bit_count() for each in blocks)]
        """Pages that are kept before each block."""
        self.count = self._before[-1]
        self.end = first + self.count * PAGE

    def offset(self, page: int) -> int | None:
        """Where that page is in the file; None when it was not kept."""
        byte, bit = divmod(page, 8)
        if not 0 <= byte < len(self._bitmap) or not self._bitmap[byte] >> bit & 1:
            return None
        start = byte - byte % _BLOCK
        inside = int.from_bytes(self._bitmap[start : byte + 1], "little") & (1 << (byte - start) * 8 + bit) - 1
        return self._first + (self._before[byte // _BLOCK] + inside.bit_count()) * PAGE


Pages = PageRuns | PageBitmap


class PhysicalMemory:
    """Reads a dump by physical addresses."""

    def __init__(self, file: DumpFile, pages: Pages) -> None:
        self._file = file
        self.pages = pages

    def read(self, address: int, count: int) -> bytes:
        """Within one page: fewer bytes, or none, when it was not kept."""
        page, inside = divmod(address, PAGE)
        at = self.pages.offset(page)
        return b"" if at is None else self._file.read(at + inside, min(count, PAGE - inside))
