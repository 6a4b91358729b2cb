"""The specification of the example driver, "poor man's pipes", as a machine that says what may happen.

Each name is a pipe of its own, whatever the case of its letters. The first open makes it, the last close ends it with
all that it holds. It never blocks: a write stores what fits, a read takes what is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from lab.traffic.byte_queue import ByteQueue, Written
from lab.traffic.data import Pointer
from lab.traffic.history import Operation
from lab.traffic.model import EVERYWHERE, Interests
from lab.traffic.win32 import ERRORS

DEFAULT_SIZE = 4096
LARGEST_SIZE = 65536
LONGEST_NAME = 255
"""Characters, with the backslash before the name."""

DROP_NEW, OVERWRITE_OLDEST = 0, 1

GET_SIZE, SET_SIZE, GET_STATISTICS, SET_MODE = 0x222000, 0x22A004, 0x222008, 0x22A00C
FAULT, BURST, FAIL = 0x22A3C0, 0x22A3C4, 0x22A3C8
"""Known to the fault build, whose faults are none of the specification's business: it goes on as if nothing was."""

BAD_LENGTH, TOO_SMALL, BUSY = ERRORS["ERROR_BAD_LENGTH"], ERRORS["ERROR_INSUFFICIENT_BUFFER"], ERRORS["ERROR_BUSY"]
INVALID, UNSUPPORTED = ERRORS["ERROR_INVALID_PARAMETER"], ERRORS["ERROR_INVALID_FUNCTION"]
DENIED, NAME_TOO_LONG = ERRORS["ERROR_ACCESS_DENIED"], ERRORS["ERROR_FILENAME_EXCED_RANGE"]
NOT_THERE = (ERRORS["ERROR_FILE_NOT_FOUND"], ERRORS["ERROR_PATH_NOT_FOUND"])
BAD_POINTER = (ERRORS["ERROR_NOACCESS"], ERRORS["ERROR_INVALID_USER_BUFFER"])


class Pipe(NamedTuple):
    """One name. Without references it does not exist, and the next open finds it as it is here."""

    references: int = 0
    size: int = DEFAULT_SIZE
    mode: int = DROP_NEW
    dropped: int = 0
    queue: ByteQueue = ByteQueue()
    loaded: bool = True
    """The driver answers."""

    @property
    def seen(self) -> Pipe:
        """The same after somebody saw how much it holds."""
        return self._replace(queue=self.queue.sealed())


class Pipes:
    """The driver; see `lab.traffic.model.Model`."""

    def __init__(self, device: str) -> None:
        self._device = device.lower()

    def key(self, operation: Operation) -> str | None:
        """The name, as the driver compares it."""
        if operation.op == "service":
            return EVERYWHERE
        path = operation.path.lower()
        if path != self._device and not path.startswith(self._device + "\\"):
            return None
        return operation.path.upper() if operation.op in _STEPS else None

    def parts(self, operation: Operation) -> tuple[Operation, ...]:
        """Statistics are read in two glances: first the references, then the buffer."""
        if operation.op == "ioctl" and operation.code == GET_STATISTICS and _statistics(operation):
            return replace(operation, op="count references"), operation
        return (operation,)

    def start(self) -> Pipe:
        return Pipe()

    def step(self, pipe: Pipe, operation: Operation) -> Iterator[Pipe]:
        return _STEPS[operation.op](self, pipe, operation)

    def interests(self) -> Interests:
        """Two pipes, one of them by two spellings; buffers small enough to be full, and lengths around theirs."""
        return Interests(
            names=("ALPHA", "BETA", "alpha"),
            lengths=(1, 4, 7, 8, 9, 0, 16, 17, 100, DEFAULT_SIZE - 1, DEFAULT_SIZE, DEFAULT_SIZE + 1),
            values={
                "size": (8, 8, 8, 1, 16, 16, 0, DEFAULT_SIZE, LARGEST_SIZE, LARGEST_SIZE + 1),
                "mode": (OVERWRITE_OLDEST, OVERWRITE_OLDEST, DROP_NEW, 2),
            },
            unpredictable=frozenset((FAULT, BURST, FAIL)),
        )

    def describe(self, pipe: Pipe) -> str:
        if not pipe.references:
            return "not open" if pipe.loaded else "not open, the driver is stopped"
        mode = "" if pipe.mode == DROP_NEW else ", overwrites the oldest"
        dropped = f", {pipe.dropped} bytes dropped" if pipe.dropped else ""
        held = f"holds {pipe.queue.held} of {pipe.size} bytes{': ' if pipe.queue.held else ''}"
        return f"{held}{pipe.queue if pipe.queue.held else ''}{mode}{dropped}, open {pipe.references} times"

    def _open(self, pipe: Pipe, operation: Operation) -> Iterator[Pipe]:
        if len(operation.path) - len(self._device) > LONGEST_NAME:
            if operation.gave(NAME_TOO_LONG):
                yield pipe
        elif operation.gave():
            yield pipe._replace(references=pipe.references + 1)
        elif not pipe.loaded and any(operation.gave(error) for error in NOT_THERE):
            yield pipe

    def _close(self, pipe: Pipe, operation: Operation) -> Iterator[Pipe]:
        if operation.gave() and pipe.references:
            left = pipe.references - 1
            yield pipe._replace(references=left) if left else Pipe(loaded=pipe.loaded)

    def _write(self, pipe: Pipe, operation: Operation) -> Iterator[Pipe]:
        length = operation.asked or 0
        is_nowhere = bool(length) and isinstance(operation.argument, Pointer)
        if "w" not in operation.access:
            yield from _fails(pipe, operation, DENIED, *BAD_POINTER * is_nowhere)
        elif is_nowhere:
            yield from self._write_from_nowhere(pipe, operation, length)
        elif pipe.mode == OVERWRITE_OLDEST:
            if operation.gave(moved=length):
                store = min(length, pipe.size)
                for emptier in _evict(pipe, store):
                    queue = emptier.queue.add_bytes(operation.content[length - store :])
                    yield emptier._replace(queue=queue, dropped=emptier.dropped + length - store)
        else:
            store = min(length, pipe.size - pipe.queue.held)
            if not operation.gave(moved=store):
                return
            if store == length:
                yield pipe._replace(queue=pipe.queue.add(_written(operation), pipe.size))
            else:
                queue = pipe.queue.add_bytes(operation.content[:store])
                yield pipe._replace(queue=queue, dropped=pipe.dropped + length - store)

    def _write_from_nowhere(self, pipe: Pipe, operation: Operation, length: int) -> Iterator[Pipe]:
        """The I/O manager refuses it, or the driver meets the pointer, perhaps after it has made room."""
        yield from _fails(pipe, operation, *BAD_POINTER)
        if pipe.mode == OVERWRITE_OLDEST and any(operation.gave(error) for error in BAD_POINTER):
            yield from _evict(pipe, min(length, pipe.size))
        if pipe.mode == DROP_NEW and pipe.queue.held == pipe.size and operation.gave(moved=0):
            yield pipe.seen._replace(dropped=pipe.dropped + length)

    def _read(self, pipe: Pipe, operation: Operation) -> Iterator[Pipe]:
        length = operation.asked or 0
        is_nowhere = bool(length) and operation.target.startswith(("null:", "bad:"))
        if "r" not in operation.access:
            yield from _fails(pipe, operation, DENIED, *BAD_POINTER * is_nowhere)
            return
        if is_nowhere:
            yield from _fails(pipe, operation, *BAD_POINTER)
            return
        count = min(length, pipe.queue.held)
        if operation.gave(moved=count):
            seen = operation.data if operation.has_result else None
            if seen is not None and len(seen) != count:
                return
            for queue in pipe.queue.take(count, seen):
                yield pipe._replace(queue=queue)

    def _flush(self, pipe: Pipe, operation: Operation) -> Iterator[Pipe]:
        return _fails(pipe, operation, UNSUPPORTED)

    def _ioctl(self, pipe: Pipe, operation: Operation) -> Iterator[Pipe]:
        code, data = operation.code, operation.content
        if isinstance(operation.argument, Pointer) and len(operation.argument):
            yield from _fails(pipe, operation, *BAD_POINTER)
        elif code in (FAULT, BURST, FAIL):
            yield pipe
        elif code == GET_SIZE:
            yield from _answers(pipe, operation, pipe.size.to_bytes(4, "little"))
        elif code == GET_STATISTICS:
            yield from self._get_statistics(pipe, operation)
        elif code not in (SET_SIZE, SET_MODE):
            yield from _fails(pipe, operation, UNSUPPORTED)
        else:
            # Not every I/O manager checks the access that a code asks for.
            if "w" not in operation.access:
                yield from _fails(pipe, operation, DENIED)
            if len(data) != 4:
                yield from _fails(pipe, operation, BAD_LENGTH)
            else:
                change = self._set_size if code == SET_SIZE else self._set_mode
                yield from change(pipe, operation, int.from_bytes(data, "little"))

    def _set_size(self, pipe: Pipe, operation: Operation, size: int) -> Iterator[Pipe]:
        if not 1 <= size <= LARGEST_SIZE:
            yield from _fails(pipe, operation, INVALID)
        elif pipe.queue.held:
            yield from _fails(pipe.seen, operation, BUSY)
        elif operation.gave():
            yield pipe.seen._replace(size=size)

    def _set_mode(self, pipe: Pipe, operation: Operation, mode: int) -> Iterator[Pipe]:
        if mode not in (DROP_NEW, OVERWRITE_OLDEST):
            yield from _fails(pipe, operation, INVALID)
        elif operation.gave():
            yield pipe.seen._replace(mode=mode)

    def _get_statistics(self, pipe: Pipe, operation: Operation) -> Iterator[Pipe]:
        known = _statistics(operation)
        references = known[8:12] if known else bytes(4)
        numbers = (pipe.queue.held, pipe.size), (pipe.mode,)
        before, behind = (b"".join(number.to_bytes(4, "little") for number in some) for some in numbers)
        return _answers(pipe.seen, operation, before + references + behind + pipe.dropped.to_bytes(8, "little"))

    def _count_references(self, pipe: Pipe, operation: Operation) -> Iterator[Pipe]:
        if not operation.has_result or pipe.references == int.from_bytes(_statistics(operation)[8:12], "little"):
            yield pipe

    def _service(self, pipe: Pipe, operation: Operation) -> Iterator[Pipe]:
        """Loading the driver makes everything new; it is not unloaded while any name is open, this one or another."""
        yield pipe._replace(loaded=operation.action not in ("stop", "delete") and (operation.ok or pipe.loaded))


_STEPS = {
    "open": Pipes._open,
    "close": Pipes._close,
    "write": Pipes._write,
    "read": Pipes._read,
    "flush": Pipes._flush,
    "ioctl": Pipes._ioctl,
    "count references": Pipes._count_references,
    "service": Pipes._service,
}


def _fails(pipe: Pipe, operation: Operation, *errors: int) -> Iterator[Pipe]:
    if any(operation.gave(error) for error in errors):
        yield pipe


def _answers(pipe: Pipe, operation: Operation, data: bytes) -> Iterator[Pipe]:
    """A query with too little room fails; a pointer to nowhere may be met by the I/O manager only at the end."""
    if operation.target.startswith(("null:", "bad:")):
        yield from _fails(pipe, operation, *BAD_POINTER, TOO_SMALL)
    elif (operation.asked or 0) < len(data):
        yield from _fails(pipe, operation, TOO_SMALL)
    elif operation.gave(moved=len(data), data=data):
        yield pipe


def _evict(pipe: Pipe, store: int) -> Iterator[Pipe]:
    """Room for `store` bytes is made at the expense of the oldest."""
    surplus = max(0, store - (pipe.size - pipe.queue.held))
    for queue in pipe.queue.sealed().take(surplus, None):
        yield pipe._replace(queue=queue, dropped=pipe.dropped + surplus)


def _statistics(operation: Operation) -> bytes:
    """The structure that an operation got, or nothing."""
    data = operation.data if operation.has_result and operation.ok else None
    return data if data is not None and len(data) >= 24 else b""


def _written(operation: Operation) -> Written:
    written: Written | None = operation.__dict__.get("written")
    if written is None:
        written = operation.__dict__["written"] = Written(operation)
    return written
