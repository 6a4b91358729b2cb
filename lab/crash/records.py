"""Structures that a dying system leaves in memory: EXCEPTION_RECORD and CONTEXT, where a bug check names them."""

from __future__ import annotations

import struct

from lab.crash.scene import ExceptionRecord, Memory
from lab.kd.context import decode_context
from lab.kd.state_change import Machine

_RECORD = struct.Struct("<IIQQI4x15Q")
_CONTEXT_BYTES = 1232
MAX_PARAMETERS = 15


def read_exception(memory: Memory, address: int) -> ExceptionRecord | None:
    """The EXCEPTION_RECORD64 at an address; None when there is none that can be one."""
    data = memory.read(address, _RECORD.size)
    if len(data) < _RECORD.size:
        return None
    code, flags, _, at, count, *parameters = _RECORD.unpack(data)
    if not code or count > MAX_PARAMETERS:
        return None
    return ExceptionRecord(code, flags, at, tuple(parameters[:count]))


def read_context(memory: Memory, address: int) -> dict[str, int] | None:
    """The registers in the AMD64 CONTEXT at an address; None when it was not kept."""
    data = memory.read(address, _CONTEXT_BYTES)
    context = decode_context(data, Machine.AMD64) if len(data) == _CONTEXT_BYTES else None
    return context.registers if context else None
