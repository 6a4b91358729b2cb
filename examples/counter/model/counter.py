"""The specification of the counter driver, as a machine that says what may happen.

The device has one counter, which starts at 0 when the driver is loaded. `add` raises it, `get` reads it, `wait` returns
as soon as it has at least the value asked for. A wait that is cancelled changes nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from lab.traffic.history import Operation
from lab.traffic.win32 import ERRORS

GET, ADD, WAIT = 0x226400, 0x22A404, 0x226408
ABORTED, OVERFLOW = ERRORS["ERROR_OPERATION_ABORTED"], 534
MOST = (1 << 64) - 1


class Counter:
    """The driver; see `lab.traffic.model.Model`. Its state is the counter's value."""

    def __init__(self, device: str) -> None:
        self._device = device.lower()

    def key(self, operation: Operation) -> str | None:
        """There is one counter; opening and closing do not touch it."""
        is_control = operation.op == "ioctl" and operation.path.lower() == self._device
        return "counter" if is_control and operation.code in _STEPS else None

    def parts(self, operation: Operation) -> tuple[Operation, ...]:
        return (operation,)

    def start(self) -> int:
        return 0

    def step(self, value: int, operation: Operation) -> Iterator[int]:
        return _STEPS[operation.code or 0](value, operation)

    def describe(self, value: int) -> str:
        return f"the counter is {value}"


def _get(value: int, operation: Operation) -> Iterator[int]:
    """How many wait is no part of the state: a cancelled request is gone at no certain moment."""
    if not operation.has_result or (operation.gave(moved=16) and _number(operation.data) == value):
        yield value


def _add(value: int, operation: Operation) -> Iterator[int]:
    (amount,) = struct.unpack("<i", operation.content)
    after = value + amount
    if not 0 <= after <= MOST:
        if operation.gave(OVERFLOW):
            yield value
    elif not operation.has_result or (operation.gave(moved=8) and _number(operation.data) == after):
        yield after


def _wait(value: int, operation: Operation) -> Iterator[int]:
    """It is told what the counter was when it was released: the value asked for, or more."""
    (wanted,) = struct.unpack("<Q", operation.content)
    if operation.gave(ABORTED) or (operation.gave(moved=8) and wanted <= value == _number(operation.data)):
        yield value


def _number(data: bytes | None) -> int:
    """The first field of the output."""
    return int.from_bytes((data or b"")[:8], "little")


_STEPS = {GET: _get, ADD: _add, WAIT: _wait}
