"""Register contexts of AMD64 and 32-bit x86 targets."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lab.kd.state_change import Machine

_AMD64 = {
    "rip": 0xF8, "rsp": 0x98, "rbp": 0xA0, "rax": 0x78, "rbx": 0x90, "rcx": 0x80, "rdx": 0x88, "rsi": 0xA8,
    "rdi": 0xB0, "r8": 0xB8, "r9": 0xC0, "r10": 0xC8, "r11": 0xD0, "r12": 0xD8, "r13": 0xE0, "r14": 0xE8,
    "r15": 0xF0,
}  # fmt: skip
_I386 = {
    "eip": 0xB8, "esp": 0xC4, "ebp": 0xB4, "eax": 0xB0, "ebx": 0xA4, "ecx": 0xAC, "edx": 0xA8, "esi": 0xA0,
    "edi": 0x9C,
}  # fmt: skip
_SIZES = {Machine.AMD64: 1232, Machine.I386: 716}
_FLAGS = {Machine.AMD64: 0x30, Machine.I386: 0}
_EFLAGS = {Machine.AMD64: 0x44, Machine.I386: 0xC0}


@dataclass(frozen=True, slots=True)
class Context:
    """The registers of a stopped processor. `raw` is the target's CONTEXT structure."""

    machine: Machine
    raw: bytes

    @property
    def registers(self) -> dict[str, int]:
        """General registers, instruction pointer first, and eflags."""
        form, offsets = ("<Q", _AMD64) if self.machine is Machine.AMD64 else ("<I", _I386)
        values: dict[str, int] = {name: struct.unpack_from(form, self.raw, at)[0] for name, at in offsets.items()}
        values["eflags"] = struct.unpack_from("<I", self.raw, _EFLAGS[self.machine])[0]
        return values

    @property
    def flags(self) -> int:
        """Which parts of the structure are valid (ContextFlags)."""
        return int(struct.unpack_from("<I", self.raw, _FLAGS[self.machine])[0])

    @property
    def program_counter(self) -> int:
        return self.registers["rip" if self.machine is Machine.AMD64 else "eip"]

    def with_program_counter(self, value: int) -> Context:
        """The same context, going on at `value`."""
        form, at = ("<Q", _AMD64["rip"]) if self.machine is Machine.AMD64 else ("<I", _I386["eip"])
        raw = bytearray(self.raw)
        struct.pack_into(form, raw, at, value & (0xFFFFFFFFFFFFFFFF if form == "<Q" else 0xFFFFFFFF))
        return Context(self.machine, bytes(raw))


def decode_context(data: bytes) -> Context | None:
    """The context in a reply, told by its size; None when it is neither architecture's."""
    for machine, size in _SIZES.items():
        if len(data) == size:
            return Context(machine, data)
    return None
