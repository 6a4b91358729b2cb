"""Instructions in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import capstone

MAX_INSTRUCTION = 15


@dataclass(frozen=True)
class Instruction:
    """One instruction."""

    address: int
    code: bytes
    text: str
    is_call: bool
    target: int | None
    """Where a direct call or jump leads."""


def disassemble(code: bytes, address: int, *, wide: bool = True) -> Iterator[Instruction]:
    """The instructions in `code`, which lies at `address`, up to the first that is none. `wide`: 64-bit code."""
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64 if wide else capstone.CS_MODE_32)
    for each in decoder.disasm(code, address):
        direct = each.mnemonic in ("call", "jmp") or each.mnemonic.startswith("j")
        target = int(each.op_str, 16) if direct and each.op_str.startswith("0x") else None
        text = f"{each.mnemonic} {each.op_str}".strip()
        yield Instruction(each.address, bytes(each.bytes), text, each.mnemonic == "call", target)
