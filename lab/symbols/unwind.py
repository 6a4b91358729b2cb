"""Call stacks: from the registers of a stopped processor to the frames of its callers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from lab.symbols.epilogue import leave_by_epilogue
from lab.symbols.errors import BadImageError, UnreadableError
from lab.symbols.image import Image
from lab.symbols.memory import MASK64, ReadMemory, read_number
from lab.symbols.symbols import Place, Symbols
from lab.symbols.unwind_info import REGISTERS, Op, UnwindInfo, read_unwind_info

MAX_FRAMES = 128
MAX_CHAIN = 32
EPILOGUE_BYTES = 40
SCAN_BYTES = 0x1000
"""How far up the stack a lost unwinder looks for a return address."""
_MIN_ADDRESS = 0x10000
_HEADERS = 0x1000
"""Bytes at the beginning of an image that are never code."""


class How(Enum):
    """How a frame was found."""

    STOPPED = "stopped"
    """The processor stands there."""
    UNWOUND = "unwound"
    """By unwind information: certain, as far as memory is undamaged."""
    FRAME_POINTER = "frame pointer"
    """By the chain of saved frame pointers: a guess, functions may have been left out."""
    SCANNED = "scanned"
    """By looking for something like a return address on the stack: a guess."""


@dataclass(frozen=True)
class Frame:
    """One frame. `registers` are those at its `address`: the callee-saved ones, rsp and rip can be relied on."""

    address: int
    """Where it goes on: the instruction pointer, or the return address."""
    stack: int
    """The stack pointer there."""
    how: How
    place: Place
    """Of the call for frames other than the first: a return address can belong to the next function already."""
    registers: Mapping[str, int]

    @property
    def guessed(self) -> bool:
        return self.how in (How.FRAME_POINTER, How.SCANNED)


def unwind(registers: Mapping[str, int], read: ReadMemory, symbols: Symbols, limit: int = MAX_FRAMES) -> list[Frame]:
    """The call stack, innermost frame first. Registers as `lab.kd.context` names them: rip.. (AMD64) or eip.. (x86).

    Never fails: it ends where nothing more can be told.
    """
    walk = _amd64(registers, read, symbols) if "rip" in registers else _i386(registers, read, symbols)
    frames: list[Frame] = []
    for frame in walk:
        # A stack only goes up; one that does not is damaged, or not ours to understand.
        if frames and (frame.stack <= frames[-1].stack or len(frames) >= limit):
            break
        frames.append(frame)
    return frames


def _amd64(registers: Mapping[str, int], read: ReadMemory, symbols: Symbols) -> Iterator[Frame]:
    state = {name: registers.get(name, 0) for name in (*REGISTERS, "rip")}
    how = How.STOPPED
    while True:
        address = state["rip"]
        place = symbols.describe(address if how is How.STOPPED else address - 1)
        yield Frame(address, state["rsp"], how, place, state)
        try:
            caller = _caller(state, read, symbols, stopped=how is How.STOPPED)
            how = How.UNWOUND
        except (BadImageError, UnreadableError):
            caller = None
        if caller is None:
            caller = _scan(state, read, symbols)
            how = How.SCANNED
        if caller is None or caller["rip"] < _MIN_ADDRESS:
            return
        state = caller


def _caller(state: Mapping[str, int], read: ReadMemory, symbols: Symbols, *, stopped: bool) -> dict[str, int] | None:
    """The registers in the caller; None when there is no certain way to them."""
    control = state["rip"] if stopped else state["rip"] - 1
    module = symbols.module_at(control)
    if module is None:
        # A call to nowhere: the return address is where the call left it.
        return _return(dict(state), read) if stopped and not read(control, 1) else None
    image = module.image
    if image is None or not image.functions:
        return None
    entry = image.function_at(control - module.base)
    if entry is None:
        return _return(dict(state), read) if image.is_code(control - module.base) else None
    offset = state["rip"] - module.base - entry.begin
    info = read_unwind_info(image.read, entry.unwind_info)
    if stopped and offset >= info.prologue:
        first, end = module.base + entry.begin, module.base + entry.end
        left = leave_by_epilogue(
            image.read(state["rip"] - module.base, EPILOGUE_BYTES), state, read, lambda at: first <= at < end
        )
        if left is not None:
            return left
    return _undo(dict(state), info, offset, image, read)


def _undo(state: dict[str, int], info: UnwindInfo, offset: int, image: Image, read: ReadMemory) -> dict[str, int]:
    """Undo a prologue, and those of the pieces it is chained to."""
    for _ in range(MAX_CHAIN):
        if _undo_codes(state, info, offset, read):
            return state
        if info.chained is None:
            return _return(state, read)
        info = read_unwind_info(image.read, info.chained.unwind_info)
        offset = 1 << 32
    raise BadImageError("unwind information is chained in a circle")


def _undo_codes(state: dict[str, int], info: UnwindInfo, offset: int, read: ReadMemory) -> bool:
    """True when the last step was a machine frame: then rip and rsp are those of the interrupted code."""
    frame = _frame_base(state, info, offset)
    for code in info.codes:
        if code.offset > offset and code.op is not Op.EPILOG:
            continue
        match code.op:
            case Op.PUSH:
                state[REGISTERS[code.info]] = read_number(read, state["rsp"])
                state["rsp"] = state["rsp"] + 8 & MASK64
            case Op.ALLOCATE_SMALL | Op.ALLOCATE_LARGE:
                state["rsp"] = state["rsp"] + code.value & MASK64
            case Op.SET_FRAME_POINTER:
                if info.frame_register is None:
                    raise BadImageError("unwind information sets a frame pointer that it does not name")
                state["rsp"] = state[info.frame_register] - info.frame_offset & MASK64
            case Op.SAVE | Op.SAVE_FAR:
                state[REGISTERS[code.info]] = read_number(read, frame + code.value)
            case Op.MACHINE_FRAME:
                at = state["rsp"] + (8 if code.info else 0)
                state["rip"] = read_number(read, at)
                state["rsp"] = read_number(read, at + 24)
                return True
    return False


def _frame_base(state: Mapping[str, int], info: UnwindInfo, offset: int) -> int:
    """What saved registers' offsets count from: the stack pointer after the prologue's allocation."""
    is_set = any(code.op is Op.SET_FRAME_POINTER and code.offset <= offset for code in info.codes)
    if info.frame_register and (is_set or info.chained or offset >= info.prologue):
        return state[info.frame_register] - info.frame_offset & MASK64
    return state["rsp"]


def _return(state: dict[str, int], read: ReadMemory) -> dict[str, int]:
    state["rip"] = read_number(read, state["rsp"])
    state["rsp"] = state["rsp"] + 8 & MASK64
    return state


def _scan(state: Mapping[str, int], read: ReadMemory, symbols: Symbols) -> dict[str, int] | None:
    """The first thing above that looks like a return address: it lies in code, behind a call."""
    start = state["rsp"] + 7 & ~7
    stack = read(start, SCAN_BYTES)
    for at in range(0, len(stack) - 7, 8):
        value = int.from_bytes(stack[at : at + 8], "little")
        if _follows_call(value, symbols):
            return {**state, "rip": value, "rsp": start + at + 8}
    return None


def _follows_call(address: int, symbols: Symbols) -> bool:
    """Of a module whose code cannot be seen, every address may do so."""
    module = symbols.module_at(address)
    if module is None:
        return False
    if module.image is None:
        return address - module.base > _HEADERS
    if not module.image.is_code(address - module.base - 1):
        return False
    code = module.image.read(address - module.base - 7, 7)
    if len(code) < 7:
        return False
    indirect = any(code[-size] == 0xFF and code[1 - size] & 0x38 == 0x10 for size in (2, 3, 6, 7))
    return code[2] == 0xE8 or indirect


def _i386(registers: Mapping[str, int], read: ReadMemory, symbols: Symbols) -> Iterator[Frame]:
    """32-bit images have no unwind tables: follow the frame pointers that most functions keep."""
    address, stack, frame = (registers.get(name, 0) for name in ("eip", "esp", "ebp"))
    how = How.STOPPED
    while address >= _MIN_ADDRESS:
        now = {"eip": address, "esp": stack, "ebp": frame}
        yield Frame(address, stack, how, symbols.describe(address if how is How.STOPPED else address - 1), now)
        try:
            following, address = read_number(read, frame, 4), read_number(read, frame + 4, 4)
        except UnreadableError:
            return
        stack, frame = frame + 8, following
        how = How.FRAME_POINTER
