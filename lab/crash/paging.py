"""Virtual memory of an AMD64 machine, by its page tables.

Layout: Intel SDM volume 3, "4-level paging and 5-level paging". Entries of pages that are not valid but still in
memory: "Windows Internals", address translation (transition and prototype entries).
"""

from __future__ import annotations

from typing import Protocol

PAGE = 0x1000
MAX_READ = 64 << 20
"""Bytes that are read at once at most."""
_MAX_CACHED = 4096
"""Page tables: 16 MiB."""
_VALID, _LARGE, _PROTOTYPE, _TRANSITION = 1, 1 << 7, 1 << 10, 1 << 11
_FRAME = 0x000F_FFFF_FFFF_F000
_LEVELS = (48, 39, 30, 21, 12)


class ReadPhysical(Protocol):
    """Physical memory, of which a read never crosses a page."""

    def read(self, address: int, count: int) -> bytes: ...


class VirtualMemory:
    """Reads through the page tables at `directory`. Nothing here raises: what cannot be reached is not there."""

    def __init__(self, physical: ReadPhysical, directory: int, levels: int = 4) -> None:
        """`levels` of page tables: 4, or 5 when the processor has LA57 on."""
        self._physical = physical
        self._directory = directory & _FRAME
        self._levels = _LEVELS[-levels:]
        self._tables: dict[int, bytes] = {}

    def read(self, address: int, count: int) -> bytes:
        """From `address` up to the first page that is not there."""
        data = bytearray()
        count = min(count, MAX_READ)
        while len(data) < count and address < 1 << 64:
            physical = self.translate(address)
            wanted = min(count - len(data), PAGE - address % PAGE)
            piece = self._physical.read(physical, wanted) if physical is not None else b""
            data += piece
            if len(piece) < wanted:
                break
            address += wanted
        return bytes(data)

    def translate(self, address: int, *, through_prototype: bool = True) -> int | None:
        """The physical address; None when the page is in no memory."""
        top = self._levels[0] + 8
        if address >> top not in (0, (1 << 64 - top) - 1):
            return None
        table = self._directory
        for shift in self._levels:
            entry = self._entry(table, address >> shift & 0x1FF)
            if not entry & _VALID:
                page = self._invalid(entry, through_prototype) if shift == 12 else None
                return page | address % PAGE if page is not None else None
            if shift == 12 or (entry & _LARGE and shift < 39):
                inside = (1 << shift) - 1
                return entry & _FRAME & ~inside | address & inside
            table = entry & _FRAME
        return None

    def _invalid(self, entry: int, through_prototype: bool) -> int | None:
        """Where the page of an invalid entry still is, if anywhere."""
        if entry & _PROTOTYPE:
            place = entry >> 16 | (0xFFFF << 48 if entry >> 63 else 0)
            physical = self.translate(place & ~7, through_prototype=False) if through_prototype else None
            raw = self._physical.read(physical, 8) if physical is not None else b""
            prototype = int.from_bytes(raw, "little")
            if prototype & _VALID:
                return prototype & _FRAME
            # In a prototype entry the same bit says that it describes a part of a file instead.
            return prototype & _FRAME if prototype & _TRANSITION and not prototype & _PROTOTYPE else None
        return entry & _FRAME if entry & _TRANSITION else None

    def _entry(self, table: int, index: int) -> int:
        page = self._tables.get(table)
        if page is None:
            if len(self._tables) >= _MAX_CACHED:
                self._tables.clear()
            page = self._tables[table] = self._physical.read(table, PAGE)
        return int.from_bytes(page[index * 8 : index * 8 + 8], "little") if len(page) == PAGE else 0


def kernel_memory(physical: ReadPhysical, directory: int, list_head: int) -> VirtualMemory:
    """Memory of a kernel of which nobody says how many levels its page tables have: as many as lead to a list at
    `list_head`, whose first entry points back to it."""
    for levels in (5, 4):
        memory = VirtualMemory(physical, directory, levels)
        entry = int.from_bytes(memory.read(list_head, 8), "little")
        if entry and int.from_bytes(memory.read(entry + 8, 8), "little") == list_head:
            break
    return memory
