"""A plan as a table: a lane for each actor, time runs downwards, a barrier reaches across the lanes that meet there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from lab.scenario.barriers import rounds
from lab.scenario.model import Block, Scenario, Step
from lab.traffic.script import CONDUCTOR

LONGEST_CYCLE = 8
"""Operations that are looked at together to see whether they repeat."""


class Kind(Enum):
    """What a row of the picture shows."""

    STEP = "step"
    BLOCK_BEGINS = "block begins"
    APART = "apart"
    """Lanes of a block: what stands beside each other happens in any order."""
    BARRIER = "barrier"
    BLOCK_ENDS = "block ends"


@dataclass(frozen=True)
class Row:
    """One row."""

    kind: Kind
    step: str = ""
    """The step or block as messages number it."""
    cells: Mapping[str, str] = field(default_factory=dict)
    """By lane."""
    barrier: str = ""


@dataclass(frozen=True)
class Picture:
    """Lanes in the order of the actors' first steps, the lab's own first, and the rows."""

    title: str
    lanes: tuple[str, ...]
    rows: tuple[Row, ...]


def picture_of(scenario: Scenario) -> Picture:
    """The plan of a checked scenario."""
    lanes = dict.fromkeys(step.actor for step in scenario.steps)
    order = sorted(lanes, key=lambda actor: actor != CONDUCTOR)
    rows = tuple(row for item in scenario.plan for row in _rows(item))
    return Picture(scenario.id, tuple(order), rows)


def lane_name(lane: str) -> str:
    return "the lab" if lane == CONDUCTOR else lane


def cell_text(step: Step) -> str:
    """The operation in words, without its actor."""
    return step.text.removeprefix(f"{step.actor}: ")


def _rows(item: Step | Block) -> Iterator[Row]:
    if not isinstance(item, Block):
        yield Row(Kind.STEP, item.id, {item.actor: cell_text(item)})
        return
    actors = dict.fromkeys(step.actor for step in item.steps)
    yield Row(Kind.BLOCK_BEGINS, item.id, dict.fromkeys(actors, ""))
    for each in rounds(item):
        columns = {actor: repeated([cell_text(step) for step in steps]) for actor, steps in each.apart.items()}
        for i in range(max((len(column) for column in columns.values()), default=0)):
            cells = {actor: column[i] for actor, column in columns.items() if i < len(column)}
            yield Row(Kind.APART, item.id, cells)
        if each.barrier:
            yield Row(Kind.BARRIER, item.id, dict.fromkeys(each.together, ""), each.barrier)
    yield Row(Kind.BLOCK_ENDS, item.id, dict.fromkeys(actors, ""))


def repeated(texts: Sequence[str]) -> list[str]:
    """The texts with repetitions told by their number.

    >>> repeated(["open", "write", "read", "write", "read", "close"])
    ['open', '2 times:', '  write', '  read', 'close']
    >>> repeated(["read", "read", "read"])
    ['3 times: read']
    """
    lines: list[str] = []
    i = 0
    while i < len(texts):
        length, times = _cycle(texts, i)
        if times == 1:
            lines.append(texts[i])
        elif length == 1:
            lines.append(f"{times} times: {texts[i]}")
        else:
            lines += [f"{times} times:", *(f"  {text}" for text in texts[i : i + length])]
        i += length * times
    return lines


def _cycle(texts: Sequence[str], start: int) -> tuple[int, int]:
    """The cycle from `start` on that covers most, as its length and how often it occurs; (1, 1) where there is none."""
    best = (1, 1)
    for length in range(1, min(LONGEST_CYCLE, (len(texts) - start) // 2) + 1):
        times = 1
        while texts[start : start + length] == texts[start + times * length : start + (times + 1) * length]:
            times += 1
        if times > 1 and length * times > best[0] * best[1]:
            best = (length, times)
    return best
