"""A plan as a table: a lane for each actor, time runs downwards, a barrier reaches across the lanes that meet there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
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
    INSIDE = "inside"
    """Lanes of a block: what stands beside each other happens in any order; what meets at a barrier does not."""
    BLOCK_ENDS = "block ends"


@dataclass
class Row:
    """One row."""

    kind: Kind
    step: str = ""
    """The step or block as messages number it."""
    cells: dict[str, str] = field(default_factory=dict)
    """What is done, by lane; for the edges of a block, its lanes."""
    barrier: str = ""
    meets: tuple[str, ...] = ()
    """The lanes that meet at the barrier."""


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
    actors = dict.fromkeys((step.actor for step in item.steps), "")
    yield Row(Kind.BLOCK_BEGINS, item.id, actors)
    yield from _inside(item)
    yield Row(Kind.BLOCK_ENDS, item.id, actors)


def _inside(block: Block) -> list[Row]:
    """Each lane goes on by itself; a barrier comes where the last of those that it needs has come to it."""
    rows: list[Row] = []
    reached: Counter[str] = Counter()

    def row(number: int) -> Row:
        while len(rows) <= number:
            rows.append(Row(Kind.INSIDE, block.id))
        return rows[number]

    for each in rounds(block):
        for actor, steps in each.apart.items():
            for line in repeated([cell_text(step) for step in steps]):
                row(reached[actor]).cells[actor] = line.text
                reached[actor] += 1
        if not each.barrier:
            continue
        place = max(reached[actor] for actor in each.together)
        while row(place).barrier:
            place += 1
        row(place).barrier, row(place).meets = each.barrier, each.together
        for actor in each.together:
            reached[actor] = place + 1
    return rows


@dataclass(frozen=True)
class Line:
    """One of several texts, or a word on the repetition of those that follow."""

    text: str
    position: int | None
    """Among the texts, of the first of its kind; None for a word."""


def repeated(texts: Sequence[str]) -> Iterator[Line]:
    """The texts with repetitions told by their number.

    >>> [line.text for line in repeated(["open", "write", "read", "write", "read", "close"])]
    ['open', '2 times:', '  write', '  read', 'close']
    >>> list(repeated(["read", "read", "read"]))
    [Line(text='3 times: read', position=0)]
    """
    i = 0
    while i < len(texts):
        length, times = _cycle(texts, i)
        if times == 1:
            yield Line(texts[i], i)
        elif length == 1:
            yield Line(f"{times} times: {texts[i]}", i)
        else:
            yield Line(f"{times} times:", None)
            yield from (Line(f"  {texts[j]}", j) for j in range(i, i + length))
        i += length * times


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
