"""Register contexts of AMD64 and 32-bit x86 targets."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lab.errors import UsageError
from lab.kd.state_change import Machine, sign_extended

_AMD64 = {
    "rip": 0xF8, "rsp": 0x98, "rbp": 0xA0, "rax": 0x78, "rbx": 0x90, "rcx": 0x80, "rdx": 0x88, "rsi": 0xA8,
    "rdi": 0xB0, "r8": 0xB8, "r9": 0xC0, "r10": 0xC8, "r11": 0xD0, "r12": 0xD8, "r13": 0xE0, "r14": 0xE8,
    "r15": 0xF0,
}  # fmt: skip
_AMD64_DEBUG = {"dr0": 0x48, "dr1": 0x50, "dr2": 0x58, "dr3": 0x60, "dr6": 0x68, "dr7": 0x70}
_AMD64_SEGMENTS = {"cs": 0x38, "ds": 0x3A, "es": 0x3C, "fs": 0x3E, "gs": 0x40, "ss": 0x42}
_I386 = {
    "eip": 0xB8, "esp": 0xC4, "ebp": 0xB4, "eax": 0xB0, "ebx": 0xA4, "ecx": 0xAC, "edx": 0xA8, "esi": 0xA0,
    "edi": 0x9C,
}  # fmt: skip
_I386_DEBUG = {"dr0": 0x04, "dr1": 0x08, "dr2": 0x0C, "dr3": 0x10, "dr6": 0x14, "dr7": 0x18}
_I386_SEGMENTS = {"gs": 0x8C, "fs": 0x90, "es": 0x94, "ds": 0x98, "cs": 0xBC, "ss": 0xC8}
_SIZES = {Machine.AMD64: 1232, Machine.I386: 716}
_LEAST = {Machine.AMD64: 0x100, Machine.I386: 0xCC}
"""Up to the end of the registers that are looked at."""
_FLAGS = {Machine.AMD64: 0x30, Machine.I386: 0}


def _layout(machine: Machine) -> dict[str, tuple[int, str]]:
    """Offset and struct format of every register."""
    if machine is Machine.AMD64:
        full, debug, segments, wide, narrow, eflags = _AMD64, _AMD64_DEBUG, _AMD64_SEGMENTS, "<Q", "<H", 0x44
    else:
        full, debug, segments, wide, narrow, eflags = _I386, _I386_DEBUG, _I386_SEGMENTS, "<I", "<I", 0xC0
    layout = {name: (at, wide) for name, at in full.items()}
    layout["eflags"] = (eflags, "<I")
    layout |= {name: (at, narrow) for name, at in segments.items()}
    return layout | {name: (at, wide) for name, at in debug.items()}


_LAYOUTS = {machine: _layout(machine) for machine in Machine}
_GENERAL = {Machine.AMD64: len(_AMD64) + 1, Machine.I386: len(_I386) + 1}


@dataclass(frozen=True, slots=True)
class Context:
    """The registers of a stopped processor. `raw` is the target's CONTEXT structure."""

    machine: Machine
    raw: bytes

    @property
    def registers(self) -> dict[str, int]:
        """General registers, instruction pointer first, and eflags."""
        return {name: self[name] for name in list(_LAYOUTS[self.machine])[: _GENERAL[self.machine]]}

    @property
    def all_registers(self) -> dict[str, int]:
        """The same with segment and debug registers."""
        return {name: self[name] for name in _LAYOUTS[self.machine]}

    def __getitem__(self, name: str) -> int:
        """A register by its name in lower case. Raises KeyError."""
        at, form = _LAYOUTS[self.machine][name]
        return int(struct.unpack_from(form, self.raw, at)[0])

    @property
    def flags(self) -> int:
        """Which parts of the structure are valid (ContextFlags)."""
        return int(struct.unpack_from("<I", self.raw, _FLAGS[self.machine])[0])

    @property
    def program_counter(self) -> int:
        """As the protocol has addresses: those of 32-bit targets are extended by the sign."""
        return self["rip"] if self.machine is Machine.AMD64 else sign_extended(self["eip"])

    def stands_at(self, address: int) -> bool:
        """Is `address` the program counter? A 32-bit one may come extended or not."""
        return self.program_counter == (address if self.machine is Machine.AMD64 else sign_extended(address))

    @property
    def stack_pointer(self) -> int:
        """As the protocol has addresses."""
        return self["rsp"] if self.machine is Machine.AMD64 else sign_extended(self["esp"])

    def with_program_counter(self, value: int) -> Context:
        """The same context, going on at `value`."""
        return self.with_registers({"rip" if self.machine is Machine.AMD64 else "eip": value})

    def with_registers(self, values: dict[str, int]) -> Context:
        """The same context with other values, cut to the registers' size. Raises UsageError for an unknown name."""
        raw = bytearray(self.raw)
        for name, value in values.items():
            if name not in _LAYOUTS[self.machine]:
                known = ", ".join(_LAYOUTS[self.machine])
                raise UsageError(f"the target has no register {name!r}", f"its registers are {known}")
            at, form = _LAYOUTS[self.machine][name]
            struct.pack_into(form, raw, at, value & ((1 << 8 * struct.calcsize(form)) - 1))
        return Context(self.machine, bytes(raw))


def decode_context(data: bytes, machine: Machine | None = None) -> Context | None:
    """The context in a reply; None when it is neither architecture's.

    An unknown machine is told by the size. A known one may send more (extended state) or less than usual.
    """
    if machine is not None:
        return Context(machine, data) if len(data) >= _LEAST[machine] else None
    for each, size in _SIZES.items():
        if len(data) == size:
            return Context(each, data)
    return None
