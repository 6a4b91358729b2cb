"""The example driver done in Python, with the logic faults that its fault build can plant.

Where the specification says what may happen, this does one thing, in plain bytes: histories made with it test the
search for an order, and the specification.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

from lab.traffic.history import Operation

GET_SIZE, SET_SIZE, GET_STATISTICS, SET_MODE, FAULT = 0x222000, 0x22A004, 0x222008, 0x22A00C, 0x22A3C0
REFERENCE_LEAK, LOST_UPDATE = 6, 9
LOST_UPDATE_PERIOD = 4


@dataclass
class _Pipe:
    references: int = 0
    size: int = 4096
    mode: int = 0
    dropped: int = 0
    held: bytes = b""
    loses_updates: bool = False
    last_was_write: bool = False
    following_writes: int = 0
    held_before: bytes = b""


@dataclass
class SimulatedPipes:
    """All names; `perform` does one operation at one instant."""

    device: str
    _pipes: dict[str, _Pipe] = field(default_factory=dict)

    def perform(self, operation: Operation) -> Operation:
        """The same operation with its result."""
        pipe = self._pipes.setdefault(operation.path.upper(), _Pipe())
        if operation.op == "open":
            pipe.references += 1
            return _result(operation)
        if operation.op == "close":
            pipe.references -= 1
            if not pipe.references:
                del self._pipes[operation.path.upper()]
            return _result(operation)
        if operation.op == "write":
            return _result(operation, _write(pipe, operation.content))
        if operation.op == "read":
            data = pipe.held[: operation.asked]
            pipe.held = pipe.held[len(data) :]
            pipe.last_was_write = False
            return _result(operation, len(data), data)
        return _ioctl(pipe, operation)


def _write(pipe: _Pipe, data: bytes) -> int:
    if pipe.loses_updates and pipe.last_was_write:
        pipe.following_writes += 1
        if pipe.following_writes == LOST_UPDATE_PERIOD:
            pipe.following_writes = 0
            pipe.held = pipe.held[: len(pipe.held_before)]
    pipe.last_was_write, pipe.held_before = True, pipe.held
    if pipe.mode:
        everything = pipe.held + data
        pipe.held = everything[-pipe.size :]
        pipe.dropped += len(everything) - len(pipe.held)
        return len(data)
    stored = data[: pipe.size - len(pipe.held)]
    pipe.held += stored
    pipe.dropped += len(data) - len(stored)
    return len(stored)


def _ioctl(pipe: _Pipe, operation: Operation) -> Operation:
    code, number = operation.code, int.from_bytes(operation.content[:4], "little")
    if code == GET_SIZE:
        return _result(operation, 4, struct.pack("<I", pipe.size))
    if code == GET_STATISTICS:
        held = len(pipe.held)
        return _result(operation, 24, struct.pack("<4IQ", held, pipe.size, pipe.references, pipe.mode, pipe.dropped))
    if code == SET_SIZE:
        if pipe.held:
            return replace(operation, ok=False, error=170, moved=0)
        pipe.size = number
    elif code == SET_MODE:
        pipe.mode = number
    elif code == FAULT and number == LOST_UPDATE:
        pipe.loses_updates, pipe.last_was_write, pipe.following_writes = True, False, 0
    elif code == FAULT and number == REFERENCE_LEAK:
        pipe.references += 1
    return _result(operation, 0, b"")


def _result(operation: Operation, moved: int | None = None, data: bytes | None = None) -> Operation:
    return replace(operation, ok=True, error=0, moved=moved, data=data)
