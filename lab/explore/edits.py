"""How a case can be made smaller or plainer, a little or a lot at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lab.explore.case import Call, Case, Kill, Step, Together

Place = tuple[int, int]
"""A step, and the call in it."""
Part = Call | Kill


@dataclass(frozen=True)
class Edit:
    """What becomes of some parts of a case; of a case only, and its places are those before any other edit."""

    parts: Mapping[Place, Part | None] = field(default_factory=dict)
    """None: left out."""
    blocks: Mapping[int, Together | None] = field(default_factory=dict)
    """By step: operations side by side get other circumstances, or (None) are done in turn."""

    def apply(self, case: Case) -> Case:
        """The case that comes of it."""
        steps: list[Step] = []
        for number, step in enumerate(case.steps):
            if not isinstance(step, Together):
                part = self.parts.get((number, 0), step)
                steps += [part] if part else []
                continue
            kept = [self.parts.get((number, at), call) for at, call in enumerate(step.calls)]
            calls = tuple(call for call in kept if isinstance(call, Call))
            block = self.blocks.get(number, step)
            if block is None:
                steps += calls
            elif calls:
                steps.append(replace(block, calls=calls))
        return Case(tuple(steps))

    def __or__(self, other: Edit) -> Edit:
        """Both; where they disagree, what leaves out more."""
        dropped = {place: None for place, part in self.parts.items() if part is None}
        return Edit({**self.parts, **other.parts, **dropped}, {**self.blocks, **other.blocks})


def edits(case: Case) -> Iterator[Edit]:
    """From bold to timid."""
    places = list(_places(case))
    yield from _cuts([place for place, _ in places])
    for number, step in enumerate(case.steps):
        if isinstance(step, Together):
            if step.killed is not None:
                yield Edit(blocks={number: replace(step, killed=None, after_ms=0)})
            yield Edit(blocks={number: None})
            if not step.is_ready:
                yield Edit(blocks={number: replace(step, is_ready=True)})
    yield from _mergers(places)
    for place, part in places:
        if isinstance(part, Call):
            yield from (Edit({place: plainer}) for plainer in _plainer(part))


def size(case: Case) -> tuple[int, ...]:
    """What is made smaller, the most important first."""
    calls = list(case.calls)
    blocks = [step for step in case.steps if isinstance(step, Together)]
    deaths = sum(isinstance(step, Kill) for step in case.steps) + sum(block.killed is not None for block in blocks)
    late = sum(not block.is_ready for block in blocks)
    others = sum(call.actor + call.name + call.handle for call in calls)
    return len(calls) + deaths, len(blocks), late, len(case.steps), others, sum(_weight(call.words) for call in calls)


def _weight(value: Any) -> int:
    """Numbers weigh what they are, within reason; words what they are long."""
    if isinstance(value, Mapping):
        return sum(1 + _weight(each) for each in value.values())
    return min(value, 1 << 20) if isinstance(value, int) else 20 * len(str(value))


def _places(case: Case) -> Iterator[tuple[Place, Part]]:
    for number, step in enumerate(case.steps):
        if isinstance(step, Together):
            yield from (((number, at), call) for at, call in enumerate(step.calls))
        else:
            yield (number, 0), step


def _cuts(places: list[Place]) -> Iterator[Edit]:
    """Leave out the half, a quarter, ... a single one; and all but these, as long as that is a lot."""
    length = len(places) // 2
    while length:
        chunks = [places[at : at + length] for at in range(0, len(places), length)]
        for chunk in chunks if len(chunks) > 2 else ():
            if length > 1:
                yield Edit({place: None for place in places if place not in chunk})
        yield from (Edit(dict.fromkeys(chunk)) for chunk in chunks)
        length //= 2


def _mergers(places: list[tuple[Place, Part]]) -> Iterator[Edit]:
    """One process does what another did; one name, and one handle, stand for another."""
    calls = [(place, part) for place, part in places if isinstance(part, Call)]
    rename: dict[str, Callable[[Call, int], Call]] = {
        "actor": lambda call, low: replace(call, actor=low),
        "name": lambda call, low: replace(call, name=low),
        "handle": lambda call, low: replace(call, handle=low),
    }
    for what, renamed in rename.items():
        used = sorted({getattr(call, what) for _, call in calls})
        for high in reversed(used):
            for low in (low for low in range(high) if low in used or low == 0):
                yield Edit({place: renamed(call, low) for place, call in calls if getattr(call, what) == high})


def _plainer(call: Call) -> Iterator[Call]:
    """The same call with less to it."""
    words = call.words
    for handle in range(call.handle):
        yield replace(call, handle=handle)
    if call.op in ("read", "write"):
        length = words[call.op]
        if not isinstance(length, int):
            (length,) = length.values()
            yield replace(call, words={call.op: length})
        yield from (
            replace(call, words={call.op: less})
            for less in dict.fromkeys((1, length // 2, length - 1))
            if 0 < less < length
        )
    elif call.op == "ioctl":
        if "output" in words:
            yield replace(call, words={key: value for key, value in words.items() if key != "output"})
        if words.get("data", {"hex": ""})["hex"]:
            yield replace(call, words={**words, "data": {"hex": ""}})
        for name, value in words.get("input", {}).items():
            for less in dict.fromkeys((0, 1, value // 2, value - 1)):
                if 0 <= less < value:
                    yield replace(call, words={**words, "input": {**words["input"], name: less}})
