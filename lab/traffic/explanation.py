"""Why a history cannot be ordered: the few operations that contradict each other, and what was before them.

Nothing is left out that could excuse the driver. The history is cut at the first return that no order comes past. What
lies long before is replaced by all the states that it can have led to. Of the rest an operation is counted out only if
the contradiction stays whatever that operation did: with any result, or without ever happening.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from lab.traffic.history import Operation, Status
from lab.traffic.linearizability import Configuration, Course, Decision, Part, Return, Search, Unit
from lab.traffic.model import Model

LIMIT = 20
"""Operations of an explanation at most."""
STATES_SHOWN = 3
DEADLINE = 5.0
"""Seconds for finding a short explanation; a longer one is right too."""

_TRIAL = 0.5
"""Seconds for one attempt to do without an operation."""


@dataclass(frozen=True)
class Explanation:
    """Operations of one part that cannot be put in any order."""

    key: str
    before: tuple[str, ...]
    """The states, in words, one of which the driver was in before them."""
    operations: tuple[Operation, ...]
    """The contradiction and what surrounds it, in the order of the calls."""
    core: frozenset[int]
    """Numbers of those among them that contradict each other whatever the others did."""
    culprit: Operation
    """The one before whose return everything can be ordered."""
    ordered: int
    """Operations that had returned before it."""
    total: int

    @property
    def headline(self) -> str:
        return f"{self.key}: these operations cannot be put in any order, whatever the others did"


@dataclass(frozen=True)
class _Window:
    """Returns `first` to the culprit's, from any of some configurations."""

    first: int
    start: tuple[Configuration, ...]
    units: tuple[Unit, ...]


def explain(part: Part, model: Model, deadline: float = DEADLINE) -> Explanation:
    """The smallest explanation found in about `deadline` seconds of processor time, of what is not linearizable."""
    search = part.search
    end = time.thread_time() + deadline
    last = search.furthest
    windows = _windows(search, last, time.thread_time() + deadline / 2)
    window = min(windows, key=lambda each: _simplicity(each, model))
    core = _core(search, window, last, end)
    culprit = search.course.returns[last].unit.source
    shown = window.units if len(window.units) <= LIMIT else core
    operations = {unit.source.number: unit.source for unit in shown}
    states = {state for state, _ in window.start}
    return Explanation(
        key=part.key,
        before=tuple(sorted(model.describe(state) for state in states)),
        operations=tuple(sorted(operations.values(), key=lambda each: (each.t0, each.number))),
        core=frozenset(unit.source.number for unit in core),
        culprit=culprit,
        ordered=len({item.unit.source.number for item in search.course.returns[:last]} - {culprit.number}),
        total=len(part.operations),
    )


def _units(course: Course, first: int, last: int) -> tuple[Unit, ...]:
    return tuple(dict.fromkeys(unit for item in course.returns[first : last + 1] for unit in item.pending))


def _windows(search: Search, last: int, end: float) -> list[_Window]:
    """Ways to cut off what went before; the nearest is always there, if time allows to come to it."""
    course = search.course
    windows: list[_Window] = []
    cuts = sorted(at for at in search.cuts if at <= last)
    nearest = cuts[-1]
    for at in reversed(cuts):
        units = _units(course, at, last)
        if len(units) > LIMIT and windows:
            break
        windows.append(_Window(at, tuple((state, 0) for state in search.cuts[at]), units))
    walk = Search(course, search.model, end)
    configurations: set[Configuration] = set(windows[0].start)
    try:
        for at in range(nearest, last):
            configurations = walk.pass_return(at, configurations)
            units = _units(course, at + 1, last)
            if len(units) <= LIMIT or at + 1 == last:
                windows.append(_Window(at + 1, tuple(configurations), units))
    except TimeoutError:
        pass
    short = [window for window in windows if len(window.units) <= LIMIT]
    return short or windows[-1:]


def _simplicity(window: _Window, model: Model) -> tuple[int, int, int]:
    """Few possible beginnings first, with nothing half done, easily told."""
    states = {state for state, _ in window.start}
    half_done = sum(1 for _, done in window.start if done)
    return len(window.start), half_done, sum(len(model.describe(state)) for state in states)


def _core(search: Search, window: _Window, last: int, end: float) -> list[Unit]:
    """The operations that cannot be excused, as far as there is time to try."""
    kept = dict.fromkeys(unit.source.number for unit in window.units)
    culprit = search.course.returns[last].unit.source.number
    for number in list(kept):
        if number == culprit or time.thread_time() > end:
            continue
        fewer = [other for other in kept if other != number]
        if _still_fails(search, window, last, fewer):
            del kept[number]
    return [unit for unit in window.units if unit.source.number in kept]


def _still_fails(search: Search, window: _Window, last: int, kept: Iterable[int]) -> bool:
    course = _excused(search.course, window, last, frozenset(kept))
    trial = Search(course, search.model, time.thread_time() + _TRIAL)
    return trial.run(window.start) is Decision.NOT_LINEARIZABLE


def _excused(course: Course, window: _Window, last: int, kept: frozenset[int]) -> Course:
    """The window alone, where operations that are not kept may have done anything or nothing."""
    copies: dict[Unit, Unit] = {}
    for unit in window.units:
        operation, is_kept = unit.operation, unit.source.number in kept
        if not is_kept:
            operation = replace(operation, status=Status.GONE)
        copies[unit] = Unit(operation, unit.source, unit.is_certain and is_kept, bit=unit.bit)
    returns = []
    for at in range(window.first, last + 1):
        item = course.returns[at]
        copies[item.unit].returns = at - window.first
        returns.append(Return(copies[item.unit], tuple(copies[unit] for unit in item.pending), item.is_cut))
    for unit, copy in copies.items():
        copy.after = copies.get(unit.after) if unit.after and unit.source.number in kept else None
    return Course(returns)


def explain_in_words(explanation: Explanation) -> str:
    """Some lines for a terminal."""
    lines = [f"{explanation.headline}:"]
    before = explanation.before
    lines.append(f"  before them: {before[0]}")
    lines += [f"           or: {state}" for state in before[1:STATES_SHOWN]]
    if len(before) > STATES_SHOWN:
        lines.append(f"           or one of {len(before) - STATES_SHOWN} more")
    width = max(len(operation.actor) for operation in explanation.operations)
    for operation in explanation.operations:
        mark = "*" if operation.number in explanation.core else " "
        lines.append(f"  {mark} {operation.actor:{width}}  {times(operation)}  {operation_in_words(operation)}")
    lines.append("  (* cannot be ordered; the others happened beside them)")
    culprit = explanation.culprit
    lines.append(
        f"  up to the return of step {culprit.id} the history can be explained: "
        f"{explanation.ordered} of {explanation.total} operations"
    )
    return "\n".join(lines)


def operation_in_words(operation: Operation) -> str:
    """`step 4.1: write 5 bytes 'hello' -> 5 bytes`."""
    step = f"step {operation.id}: " if operation.id else ""
    return f"{step}{operation.call_text} -> {operation.result_text}"


def times(operation: Operation) -> str:
    """`12.345..12.401 ms`, from the beginning of the traffic."""
    end = f"{operation.t1 / 1000:.3f}" if operation.t1 - operation.t0 < 1 << 50 else "never"
    return f"{operation.t0 / 1000:9.3f}..{end:<9} ms"
