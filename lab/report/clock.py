"""Puts the debugger's entries, which have the host's time, among the operations, which have the guest's."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from math import inf

from lab.kd.entry import LogEntry
from lab.traffic.history import NEVER, Operation


class GuestClock:
    """The operations' clock: microseconds since the traffic program's start."""

    def __init__(self, entries: Sequence[LogEntry], operations: Sequence[Operation]) -> None:
        self._by_step: dict[str, list[Operation]] = defaultdict(list)
        for operation in operations:
            for step in steps_of(operation.id):
                self._by_step[step].append(operation)
        self._difference = self._measure(entries, operations)

    def place(self, entries: Sequence[LogEntry]) -> list[LogEntry]:
        """The entries of a log, in its order, with `t` by this clock, as well as that can be told.

        A print that belongs to a step stands within that operation's time: it was caused there. The others follow
        by the difference of the clocks, in the log's order.
        """
        guesses = [entry.t * 1e6 - self._difference for entry in entries]
        bounds = [self._bounds(entry, guess) for entry, guess in zip(entries, guesses, strict=True)]
        latest = list(accumulate((high for _, high in reversed(bounds)), min))[::-1]
        placed = []
        now = 0.0
        for entry, guess, (low, _), high in zip(entries, guesses, bounds, latest, strict=True):
            now = max(now, min(max(guess, low), high))
            placed.append(replace(entry, t=now))
        return placed

    def _bounds(self, entry: LogEntry, guess: float) -> tuple[float, float]:
        """The time of the operation that an entry belongs to; of several, the nearest one's."""
        mine = self._operations_of(entry)
        if not mine:
            return 0.0, inf
        own = min(mine, key=lambda each: max(each.t0 - guess, guess - each.t1, 0))
        return own.t0 + 1, inf if own.t1 == NEVER else own.t1 - 1

    def _measure(self, entries: Sequence[LogEntry], operations: Sequence[Operation]) -> float:
        """Host time minus guest time in microseconds, from the prints of which the operation is known."""
        guesses = []
        for entry in entries:
            mine = self._operations_of(entry)
            if len(mine) == 1 and mine[0].t1 != NEVER:
                guesses.append(entry.t * 1e6 - (mine[0].t0 + mine[0].t1) / 2)
        if guesses:
            return statistics.median(guesses)
        first = min((each.t0 for each in operations), default=0)
        return entries[0].t * 1e6 - first if entries else 0.0

    def _operations_of(self, entry: LogEntry) -> list[Operation]:
        step, actor = entry.extras.get("step"), entry.extras.get("actor")
        if not isinstance(step, str) or "marker" in entry.extras:
            return []
        return [each for each in self._by_step.get(step, ()) if actor in (None, each.actor)]


def steps_of(operation: str) -> list[str]:
    """The step that an operation is, and those that it is a part of.

    >>> steps_of("2@reader.1")
    ['2', '2@reader', '2@reader.1']
    """
    return [operation[:end] for end in range(1, len(operation) + 1) if end == len(operation) or operation[end] in ".@#"]
