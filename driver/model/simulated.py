"""The example driver done in Python, with the logic faults that its fault build can plant, and mistakes of its own.

Where the specification says what may happen, this does one thing, in plain bytes: histories made with it test the
search for an order, the specification, and what makes up traffic.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from lab.traffic.data import Pointer
from lab.traffic.history import Operation
from lab.traffic.win32 import ERRORS

GET_SIZE, SET_SIZE, GET_STATISTICS, SET_MODE, FAULT = 0x222000, 0x22A004, 0x222008, 0x22A00C, 0x22A3C0
REFERENCE_LEAK, LOST_UPDATE = 6, 9
LOST_UPDATE_PERIOD = 4
LARGEST_SIZE = 65536

MISTAKES = {
    "case-sensitive": "names in another case are other names",
    "one-byte-less": "a full buffer holds one byte less than its size",
    "short-read": "a read of all that is held leaves the last byte",
    "drops-uncounted": "what does not fit is not counted",
    "drops-newest": "in overwrite mode what does not fit is dropped",
    "size-at-any-time": "the size is set although data is held",
    "early-free": "the context is freed when the last but one closes",
    "late-free": "what a name holds outlives its last close",
    "neighbour": "a write of exactly the buffer's size lands in another name",
    "torn-write": "a longer write is done in two steps, and others come between",
}
"""What can be wrong with it, one at a time."""


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
    mistake: str = ""
    _pipes: dict[str, _Pipe] = field(default_factory=dict)
    _torn: tuple[str, Callable[[], object]] | None = None
    """Whose write is not yet done, and the rest of it."""

    def reload(self) -> None:
        """The driver is loaded anew."""
        self._pipes.clear()
        self._torn = None

    def perform(self, operation: Operation) -> Operation:
        """The same operation with its result."""
        torn, self._torn = self._torn, None
        if torn and torn[0] == operation.actor:
            torn[1]()
            torn = None
        result = self._perform(operation)
        if torn:
            torn[1]()
        return result

    def _perform(self, operation: Operation) -> Operation:
        name = operation.path if self.mistake == "case-sensitive" else operation.path.upper()
        pipe = self._pipes.setdefault(name, _Pipe())
        if operation.op == "open":
            pipe.references += 1
            return _result(operation)
        if operation.op == "close":
            self._close(name, pipe)
            return _result(operation)
        if operation.op == "write":
            return self._write(name, pipe, operation)
        if operation.op == "read":
            return self._read(pipe, operation)
        if operation.op == "ioctl":
            return self._ioctl(pipe, operation)
        return _failure(operation, "ERROR_INVALID_FUNCTION")

    def _close(self, name: str, pipe: _Pipe) -> None:
        pipe.references -= 1
        if pipe.references == (1 if self.mistake == "early-free" else 0):
            left = _Pipe(references=pipe.references, held=pipe.held if self.mistake == "late-free" else b"")
            self._pipes[name] = left

    def _write(self, name: str, pipe: _Pipe, operation: Operation) -> Operation:
        data = operation.content
        if "w" not in operation.access:
            return _failure(operation, "ERROR_ACCESS_DENIED")
        if isinstance(operation.argument, Pointer) and len(operation.argument):
            return _failure(operation, "ERROR_NOACCESS")
        if self.mistake == "neighbour" and len(data) == pipe.size:
            pipe = self._pipes[min(self._pipes, key=lambda other: other == name)]
        if self.mistake == "torn-write" and len(data) > 3 and not pipe.mode and len(data) + len(pipe.held) <= pipe.size:
            pipe.held += data[:2]
            self._torn = operation.actor, lambda: _store(pipe, data[2:])
            return _result(operation, len(data))
        return _result(operation, self._put(pipe, data))

    def _put(self, pipe: _Pipe, data: bytes) -> int:
        _lose_update(pipe)
        pipe.last_was_write, pipe.held_before = True, pipe.held
        dropped = pipe.dropped
        if pipe.mode and self.mistake != "drops-newest":
            everything = pipe.held + data
            pipe.held = everything[-pipe.size :]
            pipe.dropped += len(everything) - len(pipe.held)
            moved = len(data)
        else:
            room = pipe.size - len(pipe.held) - (self.mistake == "one-byte-less")
            stored = _store(pipe, data[: max(0, room)])
            pipe.dropped += len(data) - stored
            moved = len(data) if pipe.mode else stored
        if self.mistake == "drops-uncounted":
            pipe.dropped = dropped
        return moved

    def _read(self, pipe: _Pipe, operation: Operation) -> Operation:
        asked = operation.asked or 0
        if "r" not in operation.access:
            return _failure(operation, "ERROR_ACCESS_DENIED")
        if asked and operation.target.startswith(("null:", "bad:")):
            return _failure(operation, "ERROR_NOACCESS")
        if self.mistake == "short-read" and asked == len(pipe.held) > 1:
            asked -= 1
        data = pipe.held[:asked]
        pipe.held = pipe.held[len(data) :]
        pipe.last_was_write = False
        return _result(operation, len(data), data)

    def _ioctl(self, pipe: _Pipe, operation: Operation) -> Operation:
        code, number = operation.code, int.from_bytes(operation.content[:4], "little")
        if code == GET_SIZE:
            return _answer(operation, struct.pack("<I", pipe.size))
        if code == GET_STATISTICS:
            numbers = len(pipe.held), pipe.size, pipe.references, pipe.mode, pipe.dropped
            return _answer(operation, struct.pack("<4IQ", *numbers))
        if code not in (SET_SIZE, SET_MODE, FAULT):
            return _failure(operation, "ERROR_INVALID_FUNCTION")
        if len(operation.content) != 4:
            return _failure(operation, "ERROR_BAD_LENGTH")
        if code == FAULT:
            _plant(pipe, number)
        elif not (1 <= number <= LARGEST_SIZE if code == SET_SIZE else number <= 1):
            return _failure(operation, "ERROR_INVALID_PARAMETER")
        elif code == SET_MODE:
            pipe.mode = number
        elif pipe.held and self.mistake != "size-at-any-time":
            return _failure(operation, "ERROR_BUSY")
        else:
            pipe.size = number
        return _result(operation, 0, b"")


def _store(pipe: _Pipe, data: bytes) -> int:
    pipe.held += data
    return len(data)


def _lose_update(pipe: _Pipe) -> None:
    if pipe.loses_updates and pipe.last_was_write:
        pipe.following_writes += 1
        if pipe.following_writes == LOST_UPDATE_PERIOD:
            pipe.following_writes = 0
            pipe.held = pipe.held[: len(pipe.held_before)]


def _plant(pipe: _Pipe, kind: int) -> None:
    if kind == LOST_UPDATE:
        pipe.loses_updates, pipe.last_was_write, pipe.following_writes = True, False, 0
    elif kind == REFERENCE_LEAK:
        pipe.references += 1


def _answer(operation: Operation, data: bytes) -> Operation:
    if (operation.asked or 0) < len(data):
        return _failure(operation, "ERROR_INSUFFICIENT_BUFFER")
    return _result(operation, len(data), data)


def _failure(operation: Operation, error: str) -> Operation:
    return replace(operation, ok=False, error=ERRORS[error], moved=0)


def _result(operation: Operation, moved: int | None = None, data: bytes | None = None) -> Operation:
    return replace(operation, ok=True, error=0, moved=moved, data=data)
