"""Whether a history can be explained: is there an order of its operations in which a driver could have done them one
by one, each between its call and its return, every one with the result that it had?

The search is that of Wing and Gong ("Testing and verifying concurrent objects", 1993) with Lowe's two improvements
("Testing for linearizability", 2017): an operation is put in order no earlier than some return demands it, and no
configuration is looked at twice. The parts of the driver's state that the model tells apart are judged one by one
(Herlihy and Wing: linearizability is local).
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import accumulate

from lab.traffic.history import NEVER, Operation, Status
from lab.traffic.model import EVERYWHERE, Model

DEADLINE = 30.0
"""Seconds."""

_LOOK_AT_CLOCK = 256
"""Configurations between two looks."""


class Decision(Enum):
    """What the search found out."""

    LINEARIZABLE = "linearizable"
    NOT_LINEARIZABLE = "not linearizable"
    UNDECIDED = "undecided"
    """Time ran out."""


@dataclass(eq=False)
class Unit:
    """An atomic operation in the search."""

    operation: Operation
    source: Operation
    """What it is a part of."""
    is_certain: bool
    """It surely took effect."""
    after: Unit | None = None
    """Of the same process, and not to be put in order before this one is."""
    bit: int = 0
    """Among the units that are under way at the same time."""
    returns: int = -1
    """Position of its return among all returns; -1: it does not return."""


@dataclass(frozen=True)
class Return:
    """The return of a unit, before which it must have taken effect if it surely did."""

    unit: Unit
    pending: tuple[Unit, ...]
    """All that can have taken effect by then and had not returned before, the likeliest first."""
    is_cut: bool
    """Of these, none was called before the previous return."""


Configuration = tuple[Hashable, int]
"""A state of the driver, and the units under way that have taken effect (a set of bits)."""


@dataclass
class Course:
    """The units of one part of the state, in the order of their returns."""

    returns: list[Return]
    tail: tuple[Unit, ...] = ()
    """Units that never return."""


def units_of(operations: Iterable[Operation], model: Model) -> list[Unit]:
    """The atomic operations, in the order of the calls; of each process in the order of its own."""
    units: list[Unit] = []
    latest: dict[tuple[str, str], Unit] = {}
    for operation in sorted(operations, key=lambda each: (each.t0, each.number)):
        for part in model.parts(operation):
            unit = Unit(part, operation, operation.has_result)
            # A process does one thing after the other, but for the requests that it has begun.
            thread = (operation.actor, operation.request)
            before = latest.get(thread)
            if before is not None and before.operation.t1 >= operation.t0:
                unit.after = before
            latest[thread] = unit
            units.append(unit)
    return units


def course_of(units: Sequence[Unit]) -> Course:
    """Sort calls and returns by time; what happened in the same microsecond counts as overlapping."""
    # At one instant calls come before returns; the last of a process's lost operations goes first, so that it
    # is still known whether the one before it took effect.
    events: list[tuple[int, int, int, Unit]] = []
    for number, unit in enumerate(units):
        events.append((unit.operation.t0, 0, number, unit))
        if unit.operation.t1 != NEVER:
            events.append((unit.operation.t1, 1, number if unit.is_certain else -number, unit))
    events.sort(key=lambda event: event[:3])
    free: list[int] = []
    top = 0
    pending: dict[Unit, None] = {}
    returns: list[Return] = []
    is_cut = True
    order = {unit: position for position, (_, kind, _, unit) in enumerate(events) if kind}
    for _, kind, _, unit in events:
        if kind == 0:
            if not free:
                free.append(top)
                top += 1
            unit.bit = 1 << free.pop()
            pending[unit] = None
            continue
        likely = sorted(pending, key=lambda each: order.get(each, NEVER))
        unit.returns = len(returns)
        returns.append(Return(unit, tuple(likely), is_cut))
        del pending[unit]
        free.append(unit.bit.bit_length() - 1)
        is_cut = not pending
    return Course(returns, tuple(pending))


@dataclass
class Search:
    """Looks for an order of one course's units."""

    course: Course
    model: Model
    deadline: float
    """On the clock of this thread's processor time: a busy host makes nobody undecided."""
    looked_at: int = 0
    """Configurations."""
    furthest: int = 0
    """The return that none of the orders tried came past."""
    cuts: dict[int, set[Hashable]] = field(default_factory=dict)
    """Every state possible before a return when nothing was under way; complete after a search without success."""

    def run(self, start: Iterable[Configuration], first: int = 0) -> Decision:
        """Go depth first from `start`, where it is the turn of return number `first`."""
        returns, step = self.course.returns, self.model.step
        seen: set[tuple[int, Hashable, int]] = set()
        todo = [(first, state, done) for state, done in start]
        while todo:
            at, state, done = todo.pop()
            while at < len(returns):
                item = returns[at]
                if not done & item.unit.bit:
                    break
                done ^= item.unit.bit
                at += 1
            else:
                return Decision.LINEARIZABLE
            if (at, state, done) in seen:
                continue
            seen.add((at, state, done))
            if item.is_cut and not done:
                self.cuts.setdefault(at, set()).add(state)
            self.furthest = max(self.furthest, at)
            self.looked_at += 1
            if self.looked_at % _LOOK_AT_CLOCK == 0 and time.thread_time() > self.deadline:
                return Decision.UNDECIDED
            if not item.unit.is_certain:
                todo.append((at + 1, state, done))
            for unit in reversed(item.pending):
                if not done & unit.bit and _may_go(unit, done, at):
                    todo.extend((at, after, done | unit.bit) for after in step(state, unit.operation))
        return Decision.NOT_LINEARIZABLE

    def pass_return(self, at: int, before: Iterable[Configuration]) -> set[Configuration]:
        """All configurations after return number `at`, from all those before it. Raises TimeoutError."""
        item = self.course.returns[at]
        bit = item.unit.bit
        seen = set(before)
        todo = list(seen)
        after: set[Configuration] = set()
        while todo:
            state, done = todo.pop()
            self.looked_at += 1
            if self.looked_at % _LOOK_AT_CLOCK == 0 and time.thread_time() > self.deadline:
                raise TimeoutError
            if done & bit or not item.unit.is_certain:
                after.add((state, done & ~bit))
            if done & bit:
                continue
            for unit in item.pending:
                if not done & unit.bit and _may_go(unit, done, at):
                    found = {(new, done | unit.bit) for new in self.model.step(state, unit.operation)} - seen
                    seen |= found
                    todo.extend(found)
        return after


def _may_go(unit: Unit, done: int, at: int) -> bool:
    """Whether the one before it in its process is in order, or past."""
    before = unit.after
    return before is None or bool(done & before.bit) or 0 <= before.returns < at


@dataclass(frozen=True)
class Part:
    """What was found out about one part of the driver's state."""

    key: str
    decision: Decision
    operations: tuple[Operation, ...]
    search: Search


def split(operations: Iterable[Operation], model: Model) -> dict[str, list[Operation]]:
    """The operations by the part of the state that they are about, numbered in the order given."""
    parts: dict[str, list[Operation]] = {}
    everywhere: list[Operation] = []
    for number, given in enumerate(operations):
        operation = replace(given, number=number)
        key = None if operation.status is Status.REFUSED else model.key(operation)
        if key == EVERYWHERE:
            everywhere.append(operation)
        elif key is not None:
            parts.setdefault(key, []).append(operation)
    return {key: _beside_each_other([*everywhere, *part]) for key, part in parts.items()}


def _beside_each_other(operations: list[Operation]) -> list[Operation]:
    """Tell each operation how much others may have read while it was under way."""
    begun = _Running([(each.t0, _may_read(each)) for each in operations])
    ended = _Running([(each.t1, _may_read(each)) for each in operations])
    return [replace(each, beside=begun.up_to(each.t1) - ended.before(each.t0)) for each in operations]


def _may_read(operation: Operation) -> int:
    if operation.op != "read":
        return 0
    return (operation.moved if operation.has_result else operation.asked) or 0


class _Running:
    """Sums over what happened up to a time."""

    def __init__(self, amounts: list[tuple[int, int]]) -> None:
        amounts.sort()
        self._times = [moment for moment, _ in amounts]
        self._sums = [0, *accumulate(amount for _, amount in amounts)]

    def up_to(self, moment: int) -> int:
        return self._sums[bisect_right(self._times, moment)]

    def before(self, moment: int) -> int:
        return self._sums[bisect_left(self._times, moment)]


def check(operations: Iterable[Operation], model: Model, deadline: float = DEADLINE) -> Iterator[Part]:
    """Judge each part of the history; together they take `deadline` seconds of processor time at most."""
    end = time.thread_time() + deadline
    for key, part in split(operations, model).items():
        search = Search(course_of(units_of(part, model)), model, end)
        decision = search.run([(model.start(), 0)])
        yield Part(key, decision, tuple(part), search)
