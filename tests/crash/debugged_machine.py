"""A crashed machine's kernel, as the kernel debugger meets it."""

from __future__ import annotations

import struct
from pathlib import Path

from kd.kernel import Kernel

from lab.crash.open_dump import open_dump
from lab.kd.context import Context
from lab.kd.state_change import Machine

from .crashed_machine import DEBUGGER_DATA, KERNEL, LISTS, PAGE, UNLOADED, CrashedMachine
from .writers import write_full


def debugged(machine: CrashedMachine, directory: Path) -> Kernel:
    """Stands where the machine crashed, and has the parts of its memory that a debugger asks for first."""
    path = directory / "whole"
    write_full(machine, path)
    memory = open_dump(path).memory
    kernel = Kernel()
    kernel.contexts[0] = Context(Machine.AMD64, machine.context())
    kernel.version = struct.pack(
        "<HHBBHHBBBB2xQQQ", 15, 19041, 6, 2, 7, 0x8664, 12, 3, 49, 0, KERNEL, LISTS, kernel.data + 0x100
    )
    kernel.map(kernel.data + 0x100, struct.pack("<Q", DEBUGGER_DATA))
    for page in (DEBUGGER_DATA & ~0xFFF, UNLOADED):
        kernel.map(page, memory.read(page, PAGE))
    return kernel
