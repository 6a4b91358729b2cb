"""What a stopped thread waits for: the dispatcher object that it gave to one of the kernel's wait routines.

Layouts of DISPATCHER_HEADER and KMUTANT are those of the Windows headers (wdm.h): drivers are compiled against them, so
they do not change.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from lab.symbols.errors import UnreadableError
from lab.symbols.memory import ReadMemory, read_exactly, read_number
from lab.symbols.unwind import Frame

_WAITS = ("KeWaitFor", "KeAcquireGuardedMutex", "ExAcquireFastMutex", "ExAcquireResource")
_NAMES = {0: "event", 1: "event", 2: "mutex", 5: "semaphore", 8: "timer", 9: "timer"}
_MUTEX = 2
_OWNER = 40
"""Offset of KMUTANT.OwnerThread."""
_KEPT = ("rbx", "rbp", "rsi", "rdi", "r12", "r13", "r14", "r15")
"""Registers that a called function gives back as they were."""
_LOWEST = 0x10000
SCANNED = 0x100
"""Bytes of the waiting function's frame that are searched for the object's address."""


def waits_for(frames: Sequence[Frame], read: ReadMemory, running: Mapping[int, int] = MappingProxyType({})) -> str:
    """In words; empty when the thread is in no wait routine, or the object was not found.

    `running` has the processors on which threads run, by the addresses of their KTHREADs, as far as that is known.
    """
    waiting = _waiting_at(frames)
    if waiting is None:
        return ""
    for address in _candidates(frames[waiting + 1], read):
        words = _object(address, read, running)
        if words:
            return words
    return ""


def _waiting_at(frames: Sequence[Frame]) -> int | None:
    """The frame of the wait routine that was called first; one is called by another."""
    found = None
    for i, frame in enumerate(frames[:-1]):
        function = frame.place.function
        if function is not None and function.name.startswith(_WAITS):
            found = i
    return found


def _candidates(caller: Frame, read: ReadMemory) -> Iterator[int]:
    """Where the object may be: the place that callers leave for a first argument, registers, the caller's variables."""
    stack = read(caller.stack, SCANNED)
    values = [value for (value,) in struct.iter_unpack("<Q", stack[: len(stack) // 8 * 8])]
    yield from values[:1]
    for name in _KEPT:
        yield caller.registers.get(name, 0)
    yield from values[1:]


def _object(address: int, read: ReadMemory, running: Mapping[int, int]) -> str:
    """A dispatcher object that is not signaled, in words; empty for anything else."""
    if address < _LOWEST or address % 8:
        return ""
    try:
        kind, _, size, inserted, state = struct.unpack("<4Bi", read_exactly(read, address, 8))
        if kind not in _NAMES or inserted > 1 or size > 64 or not -64 <= state <= 0 or not _has_list(address, read):
            return ""
        words = f"{_NAMES[kind]} {address:#x}"
        if kind != _MUTEX:
            return f"{words}, which is not signaled"
        owner = read_number(read, address + _OWNER)
    except UnreadableError:
        return ""
    if not owner:
        return f"{words}, held; it does not say by whom"
    runs = f", which runs on processor {running[owner]}" if owner in running else ""
    return f"{words}, held by thread {owner:#x}{runs}"


def _has_list(address: int, read: ReadMemory) -> bool:
    """Its list of waiting threads is one: on NT it leads somewhere. Wine keeps a count and a handle in its place."""
    first, last = struct.unpack("<QQ", read_exactly(read, address + 8, 16))
    if first < _LOWEST and last < _LOWEST:
        return bool(first and last)
    return len(read(first, 8)) == 8 and len(read(last, 8)) == 8
