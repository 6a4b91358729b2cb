"""`schedule:`: from the file to what the traffic program is told, and whether an order was followed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lab.document import Location, shown, suggestion
from lab.errors import UsageError
from lab.scenario.model import Block, Scenario, Step
from lab.scenario.values import Report
from lab.scenario.verdict import Failure
from lab.traffic.order import CONDUCTOR_NAME, Event, Orders, Turn, read_order
from lab.traffic.schedule import Replayed, Schedule, Seeded
from lab.traffic.script import CONDUCTOR

WHERE: Location = ("schedule",)
_REPLAY: Location = ("schedule", "replay")


def read_schedule(
    value: Any, seed: int, directory: Path, plan: Sequence[Step | Block], report: Report
) -> Schedule | None:
    """The scenario's schedule, None if everybody goes as he can.

    `seed` is what a bare `seeded` stands for; files are relative to `directory`.
    """
    if value is None or value == "free" or fuzz_seed(value, seed) is not None:
        return None
    blocks = {item.id: item for item in plan if isinstance(item, Block)}
    if not blocks:
        report.follow(WHERE, "orders nothing: no step is `parallel:`", "leave it out")
    if value == "seeded":
        return Seeded(seed)
    if "seeded" in value:
        return Seeded(value["seeded"])
    given = value["replay"]
    try:
        orders = _orders(given, directory, blocks, report)
    except UsageError as error:
        report.add(_REPLAY, str(error), error.advice)
        orders = {}
    for block in blocks.values():
        _check(block, orders.get(block.id), isinstance(given, dict), report)
    return Replayed(orders, given if isinstance(given, str) else "the scenario's own list")


def fuzz_seed(value: Any, seed: int) -> int | None:
    """The seed by which the guest is to preempt the driver's threads; None: not at all. `seed` is a bare `fuzzed`'s."""
    if value == "fuzzed":
        return seed
    fuzzed: int | None = value.get("fuzzed") if isinstance(value, dict) else None
    return fuzzed


def _orders(given: Any, directory: Path, blocks: dict[str, Block], report: Report) -> Orders:
    if isinstance(given, str):
        return read_order(directory / given)
    if isinstance(given, list):
        if len(blocks) > 1:
            report.follow(_REPLAY, f"is one list for {len(blocks)} blocks", f"a mapping by step: {', '.join(blocks)}")
        return {block: [Turn.parse(turn) for turn in given] for block in list(blocks)[:1]}
    for name in given:
        if name not in blocks:
            report.follow((*_REPLAY, name), f"{shown(name)} is no parallel step", suggestion(name, blocks))
    return {name: [Turn.parse(turn) for turn in turns] for name, turns in given.items()}


def _check(block: Block, turns: Sequence[Turn] | None, is_mapping: bool, report: Report) -> None:
    where = (*_REPLAY, block.id) if is_mapping and turns is not None else _REPLAY
    if turns is None:
        report.follow(_REPLAY, f"says nothing of the parallel step {block.id}", "a list of turns for each")
        return
    has = Counter(_name(step.actor) for step in block.steps)
    called = Counter(turn.actor for turn in turns if turn.event is not Event.RETURNS)
    for actor, times in called.items():
        if actor not in has:
            report.follow(where, f"{shown(actor)} does nothing in step {block.id}", suggestion(actor, has))
        elif times > has[actor]:
            what = f"has {times} turns of {actor}, who has {has[actor]} operations in step {block.id}"
            report.follow(where, what, "an order that was seen of these operations")


def _name(actor: str) -> str:
    return CONDUCTOR_NAME if actor == CONDUCTOR else actor


def judge_order(scenario: Scenario, seen: Orders) -> Iterator[Failure]:
    """Where the order that happened is not the one that was to be followed."""
    if not isinstance(scenario.schedule, Replayed):
        return
    for block, wanted in scenario.schedule.orders.items():
        happened = list(seen.get(block, ()))
        turns = zip(wanted, happened, strict=False)
        at = next((i for i, (a, b) in enumerate(turns) if a != b), min(len(wanted), len(happened)))
        if at < max(len(wanted), len(happened)):
            what = f"turn {at + 1} of {len(wanted)} of the order that is replayed"
            yield Failure(block, 1, what, _turn_text(wanted, at), _turn_text(happened, at))


def _turn_text(turns: Sequence[Turn], at: int) -> str:
    return str(turns[at]) if at < len(turns) else "the end"
