"""KDDEBUGGER_DATA64 in a dump: where a kernel keeps its processors, and at which offsets of its structures what is.

Layout: wdbgexts.h of the debuggers' SDK; later kernels only append to it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lab.crash.scene import Memory
from lab.kd.context import Context, decode_context
from lab.kd.state_change import Machine
from lab.symbols.errors import UnreadableError
from lab.symbols.memory import read_number

CONTEXT_SIZE = 0x4D0
MAX_PROCESSORS = 2048
_TAG_AT, _TAG = 0x10, b"KDBG"
_LEAST, _SIZE = 0x2C2, 0x340


@dataclass(frozen=True, slots=True)
class DebuggerBlock:
    """Addresses, and offsets in the kernel's structures; 0 for what the kernel does not tell."""

    processor_block: int
    unloaded_drivers: int
    thread_process: int
    process_size: int
    processor_thread: int
    processor_state: int
    processor_context: int


def decode_block(raw: bytes) -> DebuggerBlock | None:
    """None for what is no such block: some kernels keep it encoded."""
    if len(raw) < _LEAST or raw[_TAG_AT : _TAG_AT + 4] != _TAG:
        return None

    def field(at: int, form: str = "<H") -> int:
        return int(struct.unpack_from(form, raw, at)[0]) if len(raw) >= at + struct.calcsize(form) else 0

    return DebuggerBlock(
        processor_block=field(0x218, "<Q"),
        unloaded_drivers=field(0x220, "<Q"),
        thread_process=field(0x2A0),
        process_size=field(0x2A8),
        processor_thread=field(0x2B4),
        processor_state=field(0x2BC),
        processor_context=field(0x338),
    )


def read_block(memory: Memory, address: int) -> DebuggerBlock | None:
    """The block at an address, when it is there."""
    return decode_block(memory.read(address, _SIZE)) if address else None


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor of the machine. `context` is where it was stopped; None when that is not known."""

    number: int
    block: int
    """Address of its KPRCB."""
    context: Context | None


def read_processors(memory: Memory, block: DebuggerBlock, count: int) -> list[Processor]:
    """Those whose control blocks the memory has."""
    found = []
    for number in range(min(count, MAX_PROCESSORS)):
        try:
            address = read_number(memory.read, block.processor_block + number * 8)
            found.append(Processor(number, address, _context(memory, block, address)))
        except UnreadableError:
            continue
    return found


def _context(memory: Memory, block: DebuggerBlock, processor: int) -> Context | None:
    """Since Windows 7 a control block points to its context; before, it holds it."""
    places = []
    if block.processor_context:
        pointer = memory.read(processor + block.processor_context, 8)
        places.append(int.from_bytes(pointer, "little"))
    if block.processor_state:
        places.append(processor + block.processor_state)
    for place in places:
        context = decode_context(memory.read(place, CONTEXT_SIZE), Machine.AMD64) if place else None
        if context is not None and context["rip"]:
            return context
    return None


def running_threads(memory: Memory, block: DebuggerBlock, count: int) -> dict[int, int]:
    """The processors by the addresses of the KTHREADs that they were running."""
    found = {}
    for each in read_processors(memory, block, count):
        thread = memory.read(each.block + block.processor_thread, 8)
        if block.processor_thread and len(thread) == 8:
            found[int.from_bytes(thread, "little")] = each.number
    return found


def current_process(memory: Memory, block: DebuggerBlock, processor: int) -> bytes:
    """The EPROCESS of what a processor (address of its KPRCB) was running; empty when it cannot be reached."""
    try:
        thread = read_number(memory.read, processor + block.processor_thread)
        return memory.read(read_number(memory.read, thread + block.thread_process), block.process_size or 0xC00)
    except UnreadableError:
        return b""
