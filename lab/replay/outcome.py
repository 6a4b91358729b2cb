"""Compares two endings of one scenario: the same, or what is different."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest

from lab.document import printable
from lab.report.record import Failure, Record
from lab.traffic.history import Operation

MAX_SHOWN = 200
_DURATION = re.compile(r"\(for \d+ ms\)")


class Likeness(Enum):
    """How one ending is to another."""

    SAME = "same"
    DIFFERENT = "different"
    DID_NOT_HAPPEN = "did not happen"
    """The scenario passed."""
    NO_RESULT = "no result"
    """It could not be run: the lab's or the host's fault, or the guest lacks something."""


@dataclass(frozen=True)
class Comparison:
    """One more run, held against the first one."""

    likeness: Likeness
    differences: tuple[str, ...] = ()
    """A sentence each."""

    def __str__(self) -> str:
        how = "; ".join(self.differences)
        return f"{self.likeness.value}: {how}" if how else self.likeness.value


def compare(first: Record, again: Record) -> Comparison:
    """Whether `again` ended as `first` did: same cause, and same crash, failures or pending operations."""
    if again.cause == "passed" and first.cause != "passed":
        return Comparison(Likeness.DID_NOT_HAPPEN)
    if again.cause in ("infrastructure", "skipped", "usage") and again.cause != first.cause:
        return Comparison(Likeness.NO_RESULT, (printable(again.headline, MAX_SHOWN),))
    differences = tuple(_differences(first, again))
    return Comparison(Likeness.DIFFERENT if differences else Likeness.SAME, differences)


def _differences(first: Record, again: Record) -> Iterator[str]:
    if again.cause != first.cause:
        yield f"{printable(again.headline, MAX_SHOWN)}, it was {printable(first.headline, MAX_SHOWN)}"
    elif first.cause == "crashed":
        yield from _crash(first, again)
    elif first.cause == "failed":
        yield from _failures(first, again)
    elif first.cause == "hung":
        yield from _pending(first, again)
    else:
        return
    yield from ()


def _crash(first: Record, again: Record) -> Iterator[str]:
    if first.signature[0] and again.signature[0]:
        if first.signature != again.signature:
            yield f"signature {_signature(again)}, it was {_signature(first)}"
    elif _code(first) != _code(again):
        yield f"{printable(again.text('reason'), MAX_SHOWN)}, it was {printable(first.text('reason'), MAX_SHOWN)}"


def _signature(record: Record) -> str:
    return printable(" ".join(record.signature), MAX_SHOWN)


def _code(record: Record) -> object:
    """The stop code; by the words of the reason where the result has none."""
    crash = record.result.get("crash")
    if isinstance(crash, Mapping) and crash.get("code") is not None:
        return crash["code"]
    match = re.search(r"bugcheck (0x[0-9a-f]+)", record.text("reason"))
    return match[1] if match else record.text("reason")


def _failures(first: Record, again: Record) -> Iterator[str]:
    """The first expectation that differs; what was got counts too."""
    for was, is_now in zip_longest(first.failures, again.failures):
        if was != is_now:
            yield f"{_failure(is_now)}, it was {_failure(was)}"
            yield from _first_operation(first, again)
            return


def _failure(failure: Failure | None) -> str:
    if failure is None:
        return "nothing more failed"
    step = f"step {failure.step}, " if failure.step else ""
    return printable(f"{step}{failure.what}: got {failure.got}", MAX_SHOWN)


def _pending(first: Record, again: Record) -> Iterator[str]:
    was, is_now = ({_DURATION.sub("", each).strip() for each in record.details} for record in (first, again))
    was, is_now = ({each for each in those if each.startswith("not returned")} for those in (was, is_now))
    if was != is_now:
        now = ", ".join(sorted(is_now)) or "everything had returned"
        yield printable(f"{now}; it was {', '.join(sorted(was)) or 'everything had returned'}", 2 * MAX_SHOWN)


def _first_operation(first: Record, again: Record) -> Iterator[str]:
    """The first operation with another result, in the order of the first run."""
    results = {each.id: each for each in again.operations}
    for operation in sorted(first.operations, key=lambda each: each.t0):
        other = results.get(operation.id) if operation.id else None
        if other is not None and _result(other) != _result(operation):
            yield f"first in step {operation.id}: {_result(other)}, it was {_result(operation)}"
            return


def _result(operation: Operation) -> str:
    return printable(f"{operation.call_text} = {operation.result_text}", MAX_SHOWN)
