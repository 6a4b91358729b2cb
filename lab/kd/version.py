"""What a target says of itself."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lab.kd.manipulate import Manipulate
from lab.kd.state_change import Machine

_BOOT_DEBUGGER = 4
_CHECKED = 0x0C


@dataclass(frozen=True, slots=True)
class Version:
    """A target's answer to GetVersion. Addresses of 32-bit targets are extended by the sign, as they send them."""

    major: int
    build: int
    protocol: int
    flags: int
    machine: Machine | None
    """None: an architecture that this client does not know."""
    machine_number: int
    kernel_base: int
    module_list: int
    """Address of PsLoadedModuleList; 0 when there is none yet."""
    debugger_data: int
    """Address of the pointer to KDDEBUGGER_DATA64; 0 in the boot debugger."""

    @property
    def is_boot_debugger(self) -> bool:
        """The boot loader or boot manager speaks, not the kernel."""
        return self.major >> 8 == _BOOT_DEBUGGER

    @property
    def is_checked(self) -> bool:
        """A checked build: it asserts, and asks."""
        return self.major & 0xFF == _CHECKED


def decode_version(reply: Manipulate) -> Version:
    """The version in the reply to GetVersion."""
    major, build, protocol, _, flags, machine = struct.unpack_from("<HHBBHH", reply.union)
    base, modules, data = struct.unpack_from("<QQQ", reply.union, 16)
    known = Machine(machine) if machine in Machine._value2member_map_ else None
    return Version(major, build, protocol, flags, known, machine, base, modules, data)
