"""The requests that a stopped target understands, ready to be sent."""

from __future__ import annotations

import struct

from lab.kd.context import Context
from lab.kd.manipulate import Api, Manipulate
from lab.kd.state_change import Machine

DBG_CONTINUE = 0x00010002
DBG_EXCEPTION_NOT_HANDLED = 0x80010001
MAX_DATA = 2048
"""Bytes per memory request: half a page, so that one that fails does so for one page only."""
BREAKPOINT_HANDLES = range(1, 33)
"""All that a target has."""
_FILL_VIRTUAL = 1
_MASK = 0xFFFFFFFFFFFFFFFF


def get_version() -> Manipulate:
    return Manipulate(Api.GET_VERSION)


def read_virtual(address: int, count: int) -> Manipulate:
    """Read at most MAX_DATA bytes of virtual memory."""
    return Manipulate(Api.READ_VIRTUAL, struct.pack("<QI", address & _MASK, count))


def write_virtual(address: int, data: bytes) -> Manipulate:
    return Manipulate(Api.WRITE_VIRTUAL, struct.pack("<QI", address & _MASK, len(data)), data)


def read_physical(address: int, count: int) -> Manipulate:
    return Manipulate(Api.READ_PHYSICAL, struct.pack("<QI", address & _MASK, count))


def write_physical(address: int, data: bytes) -> Manipulate:
    return Manipulate(Api.WRITE_PHYSICAL, struct.pack("<QI", address & _MASK, len(data)), data)


def read_control_space(processor: int, selector: int, count: int) -> Manipulate:
    return Manipulate(Api.READ_CONTROL_SPACE, struct.pack("<QI", selector, count), processor=processor)


def read_msr(msr: int, processor: int) -> Manipulate:
    return Manipulate(Api.READ_MSR, struct.pack("<I", msr), processor=processor)


def search_memory(address: int, length: int, pattern: bytes) -> Manipulate:
    return Manipulate(Api.SEARCH_MEMORY, struct.pack("<QQI", address & _MASK, length, len(pattern)), pattern)


def fill_memory(address: int, length: int, pattern: bytes) -> Manipulate:
    union = struct.pack("<QIHH", address & _MASK, length, _FILL_VIRTUAL, len(pattern))
    return Manipulate(Api.FILL_MEMORY, union, pattern)


def query_memory(address: int) -> Manipulate:
    return Manipulate(Api.QUERY_MEMORY, struct.pack("<QQI", address & _MASK, 0, 0))


def get_context(processor: int) -> Manipulate:
    return Manipulate(Api.GET_CONTEXT, processor=processor)


def set_context(processor: int, context: Context) -> Manipulate:
    """The target refuses it unless its context was read in the same stop."""
    return Manipulate(Api.SET_CONTEXT, struct.pack("<I", context.flags), context.raw, processor=processor)


def write_breakpoint(address: int) -> Manipulate:
    return Manipulate(Api.WRITE_BREAKPOINT, struct.pack("<Q", address & _MASK))


def restore_breakpoint(handle: int) -> Manipulate:
    return Manipulate(Api.RESTORE_BREAKPOINT, struct.pack("<I", handle))


def breakpoint_handle(reply: Manipulate) -> int:
    """The handle in the reply to WriteBreakPoint."""
    return int.from_bytes(reply.union[8:12], "little")


def switch_processor(processor: int) -> Manipulate:
    """No reply: the stop comes again, seen from that processor."""
    return Manipulate(Api.SWITCH_PROCESSOR, processor=processor)


def go_on(status: int = DBG_CONTINUE, processor: int = 0) -> Manipulate:
    """Let the target run. Unlike Continue2 this leaves the debug registers alone, whatever the architecture."""
    return Manipulate(Api.CONTINUE, struct.pack("<I", status), processor=processor)


def single_step(machine: Machine, dr7: int, status: int = DBG_CONTINUE, processor: int = 0) -> Manipulate:
    """Let one instruction run. `dr7`: as in the stop's control report; another value changes hardware breakpoints.

    The last two numbers are an empty range of addresses not to stop in, as debuggers send it.
    """
    form = "<IIQQQ" if machine is Machine.AMD64 else "<IIIII"
    return Manipulate(Api.CONTINUE2, struct.pack(form, status, 1, dr7, 1, 0), processor=processor)


def reboot() -> Manipulate:
    return Manipulate(Api.REBOOT)


def cause_bugcheck(code: int = 0xE2) -> Manipulate:
    """Most kernels ignore the code and die of MANUALLY_INITIATED_CRASH."""
    return Manipulate(Api.CAUSE_BUGCHECK, struct.pack("<I", code))
