"""What a scenario expects of its part of the kd log: texts, in all of it or in what one step or actor caused."""

from __future__ import annotations

import re
from typing import Any

from lab.document import Location, printable, shown, suggestion
from lab.scenario.cast import Cast
from lab.scenario.model import Block, LogExpectation, Pattern, Step, belongs
from lab.scenario.values import Report, amount

ATTRIBUTION = "debug-string"
"""Capability of a guest whose log says which step, and outside of blocks which actor, a print belongs to."""
ATTRIBUTION_IN_BLOCKS = "print-process"
"""Capability of a guest whose log tells the actors of a parallel block apart."""

_WANTED = ("contains", "absent", "count", "order")


def log_expectations(
    value: Any, where: Location, report: Report, cast: Cast, plan: tuple[Step | Block, ...]
) -> tuple[LogExpectation, ...]:
    """The `expect: {log: ...}` of a scenario: one mapping or a list of them."""
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(_one(item, (*where, i), report, cast, plan) for i, item in enumerate(value))
    return (_one(value, where, report, cast, plan),)


def implied_capabilities(log: tuple[LogExpectation, ...], plan: tuple[Step | Block, ...]) -> frozenset[str]:
    """What a guest must be able to do for these expectations to be told."""
    capabilities = set()
    for wanted in log:
        if wanted.is_of_part:
            capabilities.add(ATTRIBUTION)
        if any(_tells_apart(wanted, item) for item in plan):
            capabilities.add(ATTRIBUTION_IN_BLOCKS)
    return frozenset(capabilities)


def _tells_apart(wanted: LogExpectation, item: Step | Block) -> bool:
    """Is it about some of the actors of this block?"""
    if not isinstance(item, Block) or (wanted.step is not None and not belongs(item.id, wanted.step)):
        return False
    return any(step.actor in wanted.actors for step in item.steps)


def _one(
    value: dict[str, Any], where: Location, report: Report, cast: Cast, plan: tuple[Step | Block, ...]
) -> LogExpectation:
    if not any(name in value for name in _WANTED):
        report.add(where, "says nothing to look for", "one of contains, absent, count and order")
    order = _patterns(value.get("order", []), (*where, "order"), report)
    if "order" in value and len(order) < 2:
        report.add((*where, "order"), "has nothing to put in order", "a list of at least two texts")
    return LogExpectation(
        contains=_patterns(value.get("contains", []), (*where, "contains"), report),
        absent=_patterns(value.get("absent", []), (*where, "absent"), report),
        count=tuple(
            (_pattern(text, (*where, "count", text), report), amount(item, (*where, "count", text), report))
            for text, item in value.get("count", {}).items()
        ),
        order=order,
        step=_step(str(value["step"]), (*where, "step"), report, plan) if "step" in value else None,
        actor=value.get("actor"),
        actors=frozenset(cast.existing(value["actor"], (*where, "actor"))) if "actor" in value else frozenset(),
    )


def _step(name: str, where: Location, report: Report, plan: tuple[Step | Block, ...]) -> str:
    for item in plan:
        if belongs(item.id, name):
            return name
        if isinstance(item, Block) and any(belongs(step.id, name) for step in item.steps):
            what = f"{shown(name)} is inside of block {item.id}, where prints are known by their actor only"
            report.add(where, what, f"`step: {item.id}`, perhaps with an `actor:`")
            return name
    known = [item.id for item in plan]
    right = suggestion(name, known) if len(known) < 20 else f"one of {known[0]} to {known[-1]}"
    report.follow(where, f"{shown(name)} is not a step of this scenario", right)
    return name


def _patterns(value: Any, where: Location, report: Report) -> tuple[Pattern, ...]:
    """One text, `/regular expression/` or `{regex: ...}`, or a list of these."""
    if isinstance(value, list):
        return tuple(_pattern(item, (*where, i), report) for i, item in enumerate(value))
    return (_pattern(value, where, report),)


def _pattern(value: Any, where: Location, report: Report) -> Pattern:
    if isinstance(value, dict):
        text = value["regex"]
    elif len(value) > 2 and value.startswith("/") and value.endswith("/"):
        text = value[1:-1]
    else:
        return Pattern(value)
    try:
        return Pattern(text, re.compile(text, re.MULTILINE))
    except re.error as error:
        report.add(where, f"/{printable(text)}/ is not a regular expression ({error})", "Python's `re` syntax")
        return Pattern(text)
