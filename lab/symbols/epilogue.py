"""Recognises an AMD64 function's epilogue: unwind information does not describe it, its form is fixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping

from lab.symbols.memory import MASK64, ReadMemory, read_number
from lab.symbols.unwind_info import REGISTERS

MAX_POPS = 16
_INDIRECT = (b"\x48\xff\xe0", b"\x48\xff\x25")


def leave_by_epilogue(
    code: bytes, registers: Mapping[str, int], read: ReadMemory, inside: Callable[[int], bool]
) -> dict[str, int] | None:
    """The registers of the caller when `code`, at the instruction pointer, is an epilogue's rest; None when it is not.

    Legal forms: `add rsp, n` or `lea rsp, [frame+n]`, then pops, then `ret` or a jump out of the function: `inside`
    tells whether an address belongs to it. Raises UnreadableError.
    """
    state = dict(registers)
    at = _free(code, state)
    for _ in range(MAX_POPS):
        register, size = _pop(code, at)
        if register is None:
            break
        state[register] = read_number(read, state["rsp"])
        state["rsp"] = state["rsp"] + 8 & MASK64
        at += size
    if not _leaves(code, at, registers["rip"], inside):
        return None
    state["rip"] = read_number(read, state["rsp"])
    state["rsp"] = state["rsp"] + 8 & MASK64
    return state


def _free(code: bytes, state: MutableMapping[str, int]) -> int:
    """Do `add rsp` or `lea rsp`; return its length, 0 when there is none."""
    if code[:3] == b"\x48\x83\xc4" and len(code) > 3:
        state["rsp"] = state["rsp"] + _signed(code[3:4]) & MASK64
        return 4
    if code[:3] == b"\x48\x81\xc4" and len(code) > 6:
        state["rsp"] = state["rsp"] + _signed(code[3:7]) & MASK64
        return 7
    if len(code) > 3 and code[0] in (0x48, 0x49) and code[1] == 0x8D and code[2] & 0x38 == 0x20 and code[2] & 7 != 4:
        base = REGISTERS[(code[2] & 7) + (8 if code[0] & 1 else 0)]
        size = {1: 1, 2: 4}.get(code[2] >> 6, 0)
        if size and len(code) >= 3 + size:
            state["rsp"] = state[base] + _signed(code[3 : 3 + size]) & MASK64
            return 3 + size
    return 0


def _pop(code: bytes, at: int) -> tuple[str | None, int]:
    first = code[at : at + 1]
    if first and 0x58 <= first[0] <= 0x5F:
        return REGISTERS[first[0] & 7], 1
    second = code[at + 1 : at + 2]
    if first == b"\x41" and second and 0x58 <= second[0] <= 0x5F:
        return REGISTERS[(second[0] & 7) + 8], 2
    return None, 0


def _leaves(code: bytes, at: int, start: int, inside: Callable[[int], bool]) -> bool:
    """`ret`, `rep ret`, `ret n`, and the jump of a tail call."""
    rest = code[at : at + 5]
    if rest[:1] in (b"\xc3", b"\xc2") or rest[:2] in (b"\xf3\xc3", b"\xff\x25") or rest[:3] in _INDIRECT:
        return True
    if rest[:1] == b"\xe9" and len(rest) == 5:
        return not inside(start + at + 5 + _signed(rest[1:]) & MASK64)
    if rest[:1] == b"\xeb" and len(rest) > 1:
        return not inside(start + at + 2 + _signed(rest[1:2]) & MASK64)
    return False


def _signed(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)
