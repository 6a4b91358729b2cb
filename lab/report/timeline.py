"""What happened in a scenario, in one order: calls, returns, prints, and what went wrong in the middle."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from lab.kd.entry import LogEntry
from lab.report.clock import GuestClock, steps_of
from lab.report.record import Failure, Record
from lab.traffic.history import NEVER, Operation, Status
from lab.traffic.lanes import Lanes, events_of, lanes_of

BEFORE = 240
"""Rows shown before what went wrong, and after it."""
AFTER = 120
_HIDDEN = ("marker", "note", "resync")
_NOTHING = Operation(
    "", "", 0, "called", "", "", 0, NEVER, None, None, ok=False, error=0, moved=None, data=None, status=Status.PENDING
)


class Kind(Enum):
    """What a row of the picture is."""

    CALL = "call"
    RETURN = "return"
    PRINT = "print"
    EVENT = "event"
    """Something else that the debugger saw."""
    TROUBLE = "trouble"
    """What went wrong: a crash, a stop, an expectation that does not hold, a hang."""


@dataclass(frozen=True)
class Row:
    """One moment."""

    time: float
    """Microseconds since the traffic program's start."""
    kind: Kind
    position: int = -1
    """Of the operation in `lanes.operations`, for calls and returns."""
    text: str = ""
    actor: str = ""


@dataclass(frozen=True)
class Timeline:
    """The rows in order, with the operations in their lanes."""

    lanes: Lanes
    rows: tuple[Row, ...]
    left_out: int = 0
    """Rows far from what went wrong."""

    @property
    def focus(self) -> int | None:
        """The row that everything is about."""
        return next((i for i, row in enumerate(self.rows) if row.kind is Kind.TROUBLE), None)


def timeline_of(record: Record) -> Timeline:
    """The whole story, or the part of it around what went wrong when it is long."""
    all_operations = [*record.operations, *_begun(record.entries, record.operations)]
    entries = GuestClock(record.entries, all_operations).place(record.entries)
    notes = [*(_hang(record, entries) if record.cause == "hung" else _entries(entries)), *_failures(record)]
    whole = _timeline(record, all_operations, notes)
    if len(whole.rows) <= BEFORE + AFTER:
        return whole
    focus = len(whole.rows) - 1 if whole.focus is None else whole.focus
    first, last = max(0, focus - BEFORE), min(len(whole.rows), focus + AFTER) - 1
    begin, end = whole.rows[first].time, whole.rows[last].time
    operations = [each for each in all_operations if each.t1 >= begin and each.t0 <= end]
    part = _timeline(record, operations, [each for each in notes if begin <= each.time <= end])
    return Timeline(part.lanes, part.rows, max(0, len(whole.rows) - len(part.rows)))


def _timeline(record: Record, operations: Sequence[Operation], notes: Sequence[Row]) -> Timeline:
    failed = [each.step for each in record.failures if each.step]
    core = {each.number for each in operations if _is_core(each, failed, record.cause)}
    lanes = lanes_of(operations, core)
    calls = [Row(time, Kind.RETURN if back else Kind.CALL, at) for time, back, at in events_of(lanes)]
    rows = list(heapq.merge(calls, sorted(notes, key=lambda row: row.time), key=lambda row: row.time))
    if record.cause not in ("failed", "passed") and not any(row.kind is Kind.TROUBLE for row in rows):
        rows.append(Row(max((row.time for row in rows), default=0.0), Kind.TROUBLE, text=record.headline))
    return Timeline(lanes, tuple(rows))


def _is_core(operation: Operation, failed: Sequence[str], cause: str) -> bool:
    if operation.status is Status.PENDING:
        return cause in ("hung", "crashed")
    return not set(failed).isdisjoint(steps_of(operation.id))


def _begun(entries: Sequence[LogEntry], operations: Sequence[Operation]) -> Iterator[Operation]:
    """Steps that were announced, but of which a crash left no result: called after what their actor did before."""
    known = {each.id for each in operations}
    latest: dict[str, int] = {}
    for operation in operations:
        if operation.t1 != NEVER:
            latest[operation.actor] = max(latest.get(operation.actor, 0), operation.t1)
    for entry in entries:
        if _is_trouble(entry):
            return
        marker = entry.extras.get("marker")
        if not isinstance(marker, dict) or marker.get("edge") != "begin" or marker.get("step") in known:
            continue
        step, actor = marker.get("step"), marker.get("actor")
        if isinstance(step, str) and isinstance(actor, str):
            known.add(step)
            yield replace(_NOTHING, id=step, actor=actor, t0=latest.get(actor, 0), number=len(operations) + len(known))


def _entries(entries: Sequence[LogEntry]) -> Iterator[Row]:
    told = set()
    for entry in entries:
        if "marker" in entry.extras or (entry.kind in _HIDDEN and not entry.extras.get("lost")):
            continue
        row = _row(entry)
        if row.kind is Kind.TROUBLE and row.text in told:
            continue  # A bug check is told by the target's text, and again by its memory.
        told.add(row.text)
        yield row


def _hang(record: Record, entries: Sequence[LogEntry]) -> Iterator[Row]:
    """The lab stops a guest that hangs, and may make it crash: all that is after the hang, and none of the driver's."""
    at = next((i for i, each in enumerate(entries) if _is_break_in(each)), len(entries))
    yield from _entries(entries[:at])
    if at < len(entries):
        yield Row(entries[at].t, Kind.TROUBLE, text=record.headline)
        yield from (replace(row, kind=Kind.EVENT, actor="") for row in _entries(entries[at:]))


def _is_break_in(entry: LogEntry) -> bool:
    return entry.kind == "stop" and entry.extras.get("reason") == "break-in"


def _row(entry: LogEntry) -> Row:
    actor = entry.extras.get("actor")
    if entry.kind == "print":
        return Row(entry.t, Kind.PRINT, text=entry.text.strip(), actor=actor if isinstance(actor, str) else "")
    return Row(entry.t, Kind.TROUBLE if _is_trouble(entry) else Kind.EVENT, text=entry.text.strip())


def _is_trouble(entry: LogEntry) -> bool:
    return entry.kind == "bugcheck" or (entry.kind == "stop" and entry.extras.get("reason") == "exception")


def _failures(record: Record) -> Iterator[Row]:
    """Expectations that did not hold, where their step returned, or at the end."""
    end = float(max((each.t1 for each in record.operations if each.t1 != NEVER), default=0))
    for failure in record.failures:
        own = [each.t1 for each in record.operations if failure.step and failure.step in steps_of(each.id)]
        own = [each for each in own if each != NEVER]
        yield Row(max(own, default=end) + 0.5, Kind.TROUBLE, text=_failure(failure))


def _failure(failure: Failure) -> str:
    step = f"step {failure.step}, " if failure.step else ""
    return f"{step}{failure.what}: expected {failure.expected}, got {failure.got}"
