"""What QEMU's dump-guest-memory writes: an ELF core of physical memory, with each processor's registers in notes.

Layout: the ELF specification; the note QEMU's `QEMUCPUState` (target/i386/arch_dump.c).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from lab.crash.dump_file import DumpFile

PAGE = 0x1000
MAX_BLOCKS = 4096
MAX_NOTES = 16 << 20
_NAME = b"QEMU\0"
_LOAD, _NOTE = 1, 4
_GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp", *(f"r{i}" for i in range(8, 16)), "rip", "eflags")
_SEGMENTS = ("cs", "ds", "es", "fs", "gs", "ss")
_LA57 = 1 << 12
_SEGMENTS_AT, _CR3_AT, _LEAST = 0x98, 0x1A0, 0x1B0


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of physical memory in the file."""

    address: int
    size: int
    offset: int

    @property
    def end(self) -> int:
        return self.address + self.size


@dataclass(frozen=True, slots=True)
class CpuState:
    """The registers of a processor, and its page tables."""

    registers: dict[str, int]
    directory: int
    """Physical address: CR3."""
    levels: int
    """4 or 5."""


class ElfCore:
    """Physical memory and processors of a virtual machine. Raises BadDumpError."""

    def __init__(self, file: DumpFile) -> None:
        self.file = file
        identity, kind, machine, at, entry, count = file.unpack("<8s8xHH4x8xQ8x4x2xHH", 0, "the ELF header")
        if identity[:6] != b"\x7fELF\x02\x01" or (kind, machine) != (4, 62):
            raise file.bad(0, "not a 64-bit ELF core of an x86-64 machine")
        if entry != 56 or count > MAX_BLOCKS:
            raise file.bad(54, f"{count} program headers of {entry} bytes")
        table = file.take(at, entry * count, "the program headers")
        blocks = []
        self.processors: list[CpuState] = []
        for kind, offset, physical, size, _ in struct.iter_unpack("<I4xQ8xQQQ8x", table):
            if kind == _LOAD and size:
                blocks.append(Block(physical, size, offset))
            elif kind == _NOTE:
                self.processors += _processors(file.take(offset, min(size, MAX_NOTES), "the notes"))
        self.blocks = sorted(blocks, key=lambda each: each.address)
        self._starts = [each.address for each in self.blocks]

    def read(self, address: int, count: int) -> bytes:
        """Of physical memory, up to the end of a block."""
        index = bisect_right(self._starts, address) - 1
        block = self.blocks[index] if index >= 0 else None
        if block is None or address >= block.end:
            return b""
        return self.file.read(block.offset + address - block.address, min(count, block.end - address))


def _processors(notes: bytes) -> Iterator[CpuState]:
    at = 0
    while at + 12 <= len(notes):
        name_size, size, _ = struct.unpack_from("<III", notes, at)
        start = at + 12 + (name_size + 3 & ~3)
        data = notes[start : start + size]
        if notes[at + 12 : at + 12 + name_size] == _NAME and len(data) >= _LEAST:
            yield _state(data)
        at = start + (size + 3 & ~3)


def _state(data: bytes) -> CpuState:
    registers = dict(zip(_GENERAL, struct.unpack_from("<18Q", data, 8), strict=True))
    for i, name in enumerate(_SEGMENTS):
        (registers[name],) = struct.unpack_from("<I", data, _SEGMENTS_AT + i * 24)
    directory, cr4 = struct.unpack_from("<QQ", data, _CR3_AT)
    return CpuState(registers, directory, 5 if cr4 & _LA57 else 4)
