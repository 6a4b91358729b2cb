"""Unwind information of AMD64 images: what a function's prologue does to the stack.

Layout: "x64 exception handling" in Microsoft's documentation of the x64 calling convention.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from lab.symbols.errors import BadImageError
from lab.symbols.image import RuntimeFunction
from lab.symbols.memory import ReadMemory, read_exactly

REGISTERS = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
_CHAINED = 4


class Op(IntEnum):
    """What one unwind code undoes."""

    PUSH = 0
    ALLOCATE_LARGE = 1
    ALLOCATE_SMALL = 2
    SET_FRAME_POINTER = 3
    SAVE = 4
    SAVE_FAR = 5
    EPILOG = 6
    SPARE = 7
    SAVE_XMM = 8
    SAVE_XMM_FAR = 9
    MACHINE_FRAME = 10


_SLOTS = {Op.SAVE: 2, Op.SAVE_FAR: 3, Op.EPILOG: 1, Op.SPARE: 3, Op.SAVE_XMM: 2, Op.SAVE_XMM_FAR: 3}


@dataclass(frozen=True)
class UnwindCode:
    """One step of a prologue. `offset`: where in the function it has been done; `value`: bytes, or a stack offset."""

    offset: int
    op: Op
    info: int
    value: int = 0


@dataclass(frozen=True)
class UnwindInfo:
    """The steps of one prologue, last one first."""

    prologue: int
    frame_register: str | None
    frame_offset: int
    codes: tuple[UnwindCode, ...]
    chained: RuntimeFunction | None


def read_unwind_info(read: ReadMemory, rva: int) -> UnwindInfo:
    """Raises BadImageError for what is no unwind information, UnreadableError."""
    first, prologue, count, frame = read_exactly(read, rva, 4)
    if first & 7 not in (1, 2):
        raise BadImageError(f"unwind information of unknown version {first & 7} at +{rva:#x}")
    slots = read_exactly(read, rva + 4, count * 2)
    chained = None
    if first >> 3 & _CHAINED:
        after = rva + 4 + (count + 1 & ~1) * 2
        chained = RuntimeFunction(*struct.unpack("<III", read_exactly(read, after, 12)))
    register = REGISTERS[frame & 15] if frame & 15 else None
    return UnwindInfo(prologue, register, (frame >> 4) * 16, tuple(_codes(slots)), chained)


def _codes(slots: bytes) -> list[UnwindCode]:
    codes = []
    at = 0
    while at < len(slots):
        offset, both = slots[at], slots[at + 1]
        info = both >> 4
        try:
            op = Op(both & 15)
        except ValueError:
            raise BadImageError(f"unwind code of unknown kind {both & 15}") from None
        size = (3 if info else 2) if op is Op.ALLOCATE_LARGE else _SLOTS.get(op, 1)
        if at + size * 2 > len(slots):
            raise BadImageError("unwind information is cut off")
        codes.append(UnwindCode(offset, op, info, _value(op, info, slots[at + 2 : at + size * 2])))
        at += size * 2
    return codes


def _value(op: Op, info: int, operand: bytes) -> int:
    number = int.from_bytes(operand, "little")
    match op:
        case Op.ALLOCATE_SMALL:
            return info * 8 + 8
        case Op.ALLOCATE_LARGE:
            return number if info else number * 8
        case Op.SAVE:
            return number * 8
        case Op.SAVE_XMM:
            return number * 16
    return number
