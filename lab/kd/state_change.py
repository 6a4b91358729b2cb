"""STATE_CHANGE64 messages: the target has stopped, says why, and waits to be continued."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

from lab.kd.errors import MalformedMessageError
from lab.kd.packets import ALTERNATE_STATE

EXCEPTION = 0x3030
LOAD_SYMBOLS = 0x3031
COMMAND_STRING = 0x3032

STATUS_BREAKPOINT = 0x80000003
STATUS_SINGLE_STEP = 0x80000004
SESSION_END_BASE = 0xFFFFFFFFFFFFFFFF

_FIXED = struct.Struct("<IHHI4xQQ")
_EXCEPTION = struct.Struct("<IIQQI4x15QI")
_MODULE = struct.Struct("<I4xQQIIB")
_UNION = 32
_REPORT = 192
FIXED_SIZE = 240
_AMD64_REPORT = struct.Struct("<QQIHH16s")
_I386_REPORT = struct.Struct("<IIHH16s")


class Machine(Enum):
    """Processor architecture of a target, by the number it has in PE files and in the version reply."""

    AMD64 = 0x8664
    I386 = 0x014C


@dataclass(frozen=True, slots=True)
class StateChange:
    """What all state changes have. `payload` is the whole message."""

    processor: int
    processors: int
    thread: int
    program_counter: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class ExceptionChange(StateChange):
    """An exception, a breakpoint, or the answer to a break-in."""

    code: int
    flags: int
    address: int
    information: tuple[int, ...]
    first_chance: bool


@dataclass(frozen=True, slots=True)
class ModuleChange(StateChange):
    """An image was loaded or unloaded. `base` of all ones, unloading, with no name: the session ends."""

    name: bytes
    base: int
    process: int
    checksum: int
    size: int
    unload: bool


@dataclass(frozen=True, slots=True)
class CommandChange(StateChange):
    """The target asks the debugger to run a command."""

    name: bytes
    command: bytes


@dataclass(frozen=True, slots=True)
class ControlReport:
    """Debug registers and the code at the program counter; `code` is empty when the target could not read it."""

    dr6: int
    dr7: int
    code: bytes


def decode(payload: bytes) -> ExceptionChange | ModuleChange | CommandChange:
    """Raises MalformedMessageError for an unknown or truncated one."""
    if len(payload) < FIXED_SIZE:
        raise MalformedMessageError(f"STATE_CHANGE64 of {len(payload)} bytes")
    state, _, processor, processors, thread, counter = _FIXED.unpack_from(payload)
    state &= ~ALTERNATE_STATE
    if state == EXCEPTION:
        code, flags, _, address, count, *rest = _EXCEPTION.unpack_from(payload, _UNION)
        information = tuple(rest[: min(count, 15)])
        first_chance = rest[15] == 1
        return ExceptionChange(
            processor, processors, thread, counter, payload, code, flags, address, information, first_chance
        )
    if state == LOAD_SYMBOLS:
        length, base, process, checksum, size, unload = _MODULE.unpack_from(payload, _UNION)
        length = min(length, len(payload) - FIXED_SIZE)
        name = payload[len(payload) - length :].rstrip(b"\0") if length else b""
        return ModuleChange(
            processor, processors, thread, counter, payload, name, base, process, checksum, size, unload != 0
        )
    if state == COMMAND_STRING:
        name, _, command = payload[FIXED_SIZE:].partition(b"\0")
        return CommandChange(processor, processors, thread, counter, payload, name, command.rstrip(b"\0"))
    raise MalformedMessageError(f"STATE_CHANGE64 with unknown state {state:#x}")


def decode_any(payload: bytes) -> StateChange:
    """Like `decode`; of a message that makes no sense, what has to be known to answer it."""
    try:
        return decode(payload)
    except MalformedMessageError:
        return StateChange(0, 0, 0, 0, payload)


def guess_machine(change: StateChange) -> Machine:
    """32-bit targets extend their addresses by the sign, so a kernel address tells before the version is known.

    In user-mode code the address of the thread, which is the kernel's, tells it.
    """
    address = change.program_counter if change.program_counter >> 63 else change.thread
    return Machine.I386 if address >> 31 == 0x1FFFFFFFF else Machine.AMD64


def sign_extended(address: int) -> int:
    """A 32-bit address as the protocol has it."""
    address &= 0xFFFFFFFF
    return address | 0xFFFFFFFF00000000 if address & 0x80000000 else address


def is_user_mode(change: StateChange) -> bool:
    """Does a program below the kernel stand there with the first chance of its exception?

    Where the kernel itself has low addresses its threads are low too: there nothing is user-mode.
    """
    first = isinstance(change, ExceptionChange) and change.first_chance
    return first and change.program_counter >> 63 == 0 and change.thread >> 63 == 1


def control_report(change: StateChange, machine: Machine) -> ControlReport:
    """The processor-specific part of a state change."""
    if machine is Machine.I386:
        dr6, dr7, count, _, code = _I386_REPORT.unpack_from(change.payload, _REPORT)
    else:
        dr6, dr7, _, count, _, code = _AMD64_REPORT.unpack_from(change.payload, _REPORT)
    return ControlReport(dr6, dr7, code[: min(count, 16)])
