"""Page tables of four and of five levels."""

from __future__ import annotations

import struct

import pytest

from lab.crash.paging import PAGE, VirtualMemory, kernel_memory

LIST = 0xFFFFF80000123000
FIRST = LIST + 0x100


class Physical:
    """Page tables that map one page at LIST."""

    def __init__(self, levels: int) -> None:
        self.pages = {i: bytearray(PAGE) for i in range(1, levels + 2)}
        shifts = (48, 39, 30, 21, 12)[-levels:]
        for i, shift in enumerate(shifts, start=1):
            struct.pack_into("<Q", self.pages[i], (LIST >> shift & 0x1FF) * 8, (i + 1) * PAGE | 0x63)
        struct.pack_into("<QQ", self.pages[levels + 1], 0, FIRST, FIRST)
        struct.pack_into("<QQ", self.pages[levels + 1], 0x100, LIST, LIST)

    def read(self, address: int, count: int) -> bytes:
        page = self.pages.get(address // PAGE, b"")
        return bytes(page[address % PAGE : address % PAGE + count])


@pytest.mark.parametrize("levels", [4, 5])
def test_the_number_of_levels_is_told_from_a_list(levels: int) -> None:
    memory = kernel_memory(Physical(levels), PAGE, LIST)
    assert memory.read(LIST, 8) == struct.pack("<Q", FIRST)
    assert VirtualMemory(Physical(levels), PAGE, 9 - levels).read(LIST, 8) != struct.pack("<Q", FIRST)


def test_addresses_that_no_processor_takes_are_not_there() -> None:
    narrow, wide = VirtualMemory(Physical(4), PAGE), VirtualMemory(Physical(5), PAGE, 5)
    assert narrow.translate(0x0000800000000000) is None
    assert narrow.translate(0xFFFF7FFFFFFFF000) is None
    assert wide.translate(0x0100000000000000) is None
    assert wide.translate(1 << 64) is None


def test_tables_that_lead_in_circles_end() -> None:
    physical = Physical(4)
    physical.pages[1] = bytearray(struct.pack("<Q", PAGE | 0x63) * 512)
    memory = VirtualMemory(physical, PAGE)
    assert memory.read(LIST, 8) == struct.pack("<Q", PAGE | 0x63)
    for i in range(1, 6):
        physical.pages[i] = bytearray(struct.pack("<Q", 1 << 63 | 0xFFFF << 32 | 0x400) * 512)
    assert VirtualMemory(physical, PAGE).read(LIST, 8) == b"", "prototypes of prototypes"
