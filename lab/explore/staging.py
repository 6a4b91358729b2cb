"""From a case to the steps of a scenario: processes get names, handles are opened, data is made.

Whatever a case says becomes steps that are right: a handle is opened when it is first needed, a process that is dead
is replaced by a new one, and what has no meaning (killing a process that has done nothing) is left out. So every part
of a case that is cut away leaves a case.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any

from lab.explore.case import HANDLES, Call, Case, Kill, Plant, Together
from lab.scenario.cast import CONDUCTOR

LONGEST_TEXT = 24
"""Bytes; what is longer is written as a pattern."""

_DIGITS = string.digits[1:] + string.digits[0]

Words = dict[str, Any] | str
Pair = tuple[int, int]
"""A name and one of its handles."""


class Actors:
    """The processes of one script; cases that follow one another share those that live."""

    def __init__(self) -> None:
        self._lives: dict[int, int] = {}

    def name(self, actor: int) -> str:
        """`a`, and after its death `a2`."""
        life = self._lives.get(actor, 1)
        return string.ascii_lowercase[actor] + (str(life) if life > 1 else "")

    def end(self, actor: int) -> None:
        self._lives[actor] = self._lives.get(actor, 1) + 1

    @property
    def ended(self) -> int:
        """How many have been killed."""
        return sum(self._lives.values()) - len(self._lives)


class Staging:
    """Makes the steps of one case."""

    def __init__(self, name_of: Callable[[int], str], actors: Actors, plant: Plant | None = None) -> None:
        """`name_of` gives the name that a number stands for; a fault is planted where a name is opened first."""
        self._name_of = name_of
        self._actors = actors
        self._plant = plant
        self._planted: set[int] = set()
        self._open: dict[int, list[Pair]] = {}
        self._labels: dict[int, dict[Pair, str]] = {}
        self._writes = 0
        self.steps: list[dict[str, Any]] = []

    def stage(self, case: Case) -> None:
        """Append the steps of the case."""
        for step in case.steps:
            if isinstance(step, Call):
                self._add(step.actor, self._doings(step))
            elif isinstance(step, Kill):
                self._kill(step)
            else:
                self._together(step)

    def close(self) -> None:
        """Append a step that closes all that is open, so that nothing is left of the case."""
        lanes = {
            self._actors.name(actor): [self._closing(actor, pair) for pair in pairs]
            for actor, pairs in self._open.items()
            if pairs
        }
        self._open.clear()
        if len(lanes) == 1:
            self.steps.append(lanes)
        elif lanes:
            self.steps.append({"parallel": lanes})

    def _add(self, actor: int, doings: list[Words]) -> None:
        """Operations of one process in a row are one step."""
        name = self._actors.name(actor)
        if doings and self.steps and next(iter(self.steps[-1])) == name:
            self.steps[-1][name].extend(doings)
        elif doings:
            self.steps.append({name: doings})

    def _doings(self, call: Call) -> list[Words]:
        pair = (call.name, call.handle)
        if call.op == "sleep":
            return [dict(call.words)]
        if call.op == "close":
            return [self._closing(call.actor, pair)] if self._forget(call.actor, pair) else []
        return [*self._opening(call.actor, pair), self._operation(call, self._label(call.actor, pair))]

    def _forget(self, actor: int, pair: Pair) -> bool:
        """Whether the handle was open; it is no more."""
        pairs = self._open.get(actor, [])
        was_open = pair in pairs
        if was_open:
            pairs.remove(pair)
        return was_open

    def _label(self, actor: int, pair: Pair) -> str:
        """The process's own name for a handle: its first is the one that needs no name."""
        labels = self._labels.setdefault(actor, {})
        return labels.setdefault(pair, f"h{len(labels) + 1}" if labels else "")

    def _closing(self, actor: int, pair: Pair) -> Words:
        label = self._label(actor, pair)
        return {"close": label} if label else "close"

    def _opening(self, actor: int, pair: Pair) -> list[Words]:
        """What makes the handle open, if it is not."""
        pairs = self._open.setdefault(actor, [])
        if pair in pairs:
            return []
        pairs.append(pair)
        label = self._label(actor, pair)
        beside = {"as": label} if label else {}
        doings: list[Words] = [{"open": self._name_of(pair[0]), **beside, **HANDLES[pair[1]]}]
        if self._plant and pair[0] not in self._planted:
            self._planted.add(pair[0])
            doings.append(self._plant.words | ({"handle": label} if label else {}))
        return doings

    def _operation(self, call: Call, label: str) -> Words:
        words = dict(call.words)
        if call.op == "write" and isinstance(words["write"], int):
            words["write"] = self._data(words["write"])
        if call.op == "flush":
            words["flush"] = label or "h"
        elif label:
            words["handle"] = label
        return words | {"expect": "any"}

    def _data(self, length: int) -> Any:
        """Text in which every write and every place in it can be told apart, as far as letters last."""
        letter = string.ascii_letters[self._writes % len(string.ascii_letters)]
        self._writes += 1
        if length > LONGEST_TEXT:
            return {"fill": length, "seed": "each"}
        return (letter + _DIGITS * 3)[:length]

    def _kill(self, step: Kill) -> None:
        if step.actor in self._open:
            self.steps.append({"kill": self._actors.name(step.actor)})
            self._bury(step.actor)

    def _bury(self, actor: int) -> None:
        self._open.pop(actor)
        self._labels.pop(actor)
        self._actors.end(actor)

    def _together(self, step: Together) -> None:
        if step.is_ready:
            for call in step.calls:
                if call.op not in ("close", "sleep"):
                    self._add(call.actor, self._opening(call.actor, (call.name, call.handle)))
        lanes: dict[int, list[Words]] = {}
        for call in step.calls:
            lanes.setdefault(call.actor, []).extend(self._doings(call))
        lanes = {actor: doings for actor, doings in lanes.items() if doings}
        killed = step.killed if step.killed in lanes and step.killed in self._open else None
        if len(lanes) == 1 and killed is None:
            for actor, doings in lanes.items():
                self._add(actor, doings)
        elif lanes:
            block: dict[str, Any] = {self._actors.name(actor): doings for actor, doings in lanes.items()}
            if killed is not None:
                block[CONDUCTOR] = [{"sleep": f"{step.after_ms}ms"}, {"kill": self._actors.name(killed)}]
            self.steps.append({"parallel": block})
        if killed is not None:
            self._bury(killed)


def plain_steps(case: Case, names: Sequence[str], plant: Plant | None, *, closes: bool = False) -> list[dict[str, Any]]:
    """The steps of a case alone, with the driver's names as they are."""
    staging = Staging(lambda number: names[number] if names else "", Actors(), plant)
    staging.stage(case)
    if closes:
        staging.close()
    return staging.steps
