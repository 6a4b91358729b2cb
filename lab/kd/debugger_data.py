"""What a kernel keeps for its debugger: the block of addresses called KDDEBUGGER_DATA64, and what it leads to."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lab.kd import steps
from lab.kd.bugcheck import Bugcheck
from lab.kd.state_change import Machine, sign_extended
from lab.kd.steps import Steps
from lab.kd.version import Version

_TAG = b"KDBG"
_TAG_AT = 0x10
_KERNEL_BASE = 0x18
_BREAKPOINT_WITH_STATUS = 0x20
_MODULE_LIST = 0x48
_BUGCHECK_DATA = 0x88
_LEAST = 0x90
"""Bytes of the block that are read: up to what is looked at. Later kernels only append to it."""


@dataclass(frozen=True, slots=True)
class DebuggerData:
    """Addresses from the block; 0 for what is not there."""

    kernel_base: int
    breakpoint_with_status: int
    """Where the kernel stops for a break-in and for a bugcheck."""
    module_list: int
    bugcheck_data: int

    def is_stop(self, address: int) -> bool:
        """Is that where the kernel stops for the debugger? It can be one further, behind the instruction."""
        return self.breakpoint_with_status != 0 and 0 <= address - self.breakpoint_with_status <= 1


def read_debugger_data(version: Version) -> Steps[DebuggerData | None]:
    """The block of a kernel; None when there is none, or it is encoded (kernels without a debugger do that).

    Raises UnansweredError.
    """
    if version.debugger_data == 0 or version.machine is None:
        return None
    pointer = yield from steps.read(version.debugger_data, 8)
    if len(pointer) < 8:
        return None
    (address,) = struct.unpack("<Q", pointer)
    if version.machine is Machine.I386:
        address = sign_extended(address)
    block = yield from steps.read(address, _LEAST)
    if len(block) < _LEAST or block[_TAG_AT : _TAG_AT + 4] != _TAG:
        return None
    offsets = (_KERNEL_BASE, _BREAKPOINT_WITH_STATUS, _MODULE_LIST, _BUGCHECK_DATA)
    base, stop, modules, bugcheck = (struct.unpack_from("<Q", block, at)[0] for at in offsets)
    return DebuggerData(base, stop, modules, bugcheck)


def read_bugcheck(data: DebuggerData | None, machine: Machine) -> Steps[Bugcheck | None]:
    """Code and parameters of a kernel that is dying, from KiBugcheckData; None when it is not, or they cannot be read.

    Raises UnansweredError.
    """
    if data is None or data.bugcheck_data == 0:
        return None
    form = "<5Q" if machine is Machine.AMD64 else "<5I"
    raw = yield from steps.read(data.bugcheck_data, struct.calcsize(form))
    if len(raw) < struct.calcsize(form):
        return None
    code, first, second, third, fourth = struct.unpack(form, raw)
    if code & 0xFFFFFFFF == 0:
        return None
    return Bugcheck(code & 0xFFFFFFFF, (first, second, third, fourth))
