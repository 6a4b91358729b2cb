"""What a scenario expects of its part of the kd log: texts, in all of it or in what one step or actor caused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.document import Location, shown, suggestion
from lab.scenario.cast import Cast
from lab.scenario.end_state import ASKING
from lab.scenario.log_text import log_expectation
from lab.scenario.model import Actor, Block, LogExpectation, Step, belongs
from lab.scenario.values import Report

ATTRIBUTION = "debug-string"
"""Capability of a guest whose log says which step, and outside of blocks which actor, a print belongs to."""
ATTRIBUTION_IN_BLOCKS = "print-process"
"""Capability of a guest whose log tells the actors of a parallel block apart."""
OTHER_USERS = "other-users"
"""Capability of a guest that can run a process as somebody else."""


def log_expectations(
    value: Any, where: Location, report: Report, cast: Cast, plan: tuple[Step | Block, ...]
) -> tuple[LogExpectation, ...]:
    """The `expect: {log: ...}` of a scenario: one mapping or a list of them."""
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(_one(item, (*where, i), report, cast, plan) for i, item in enumerate(value))
    return (_one(value, where, report, cast, plan),)


def implied_capabilities(
    log: tuple[LogExpectation, ...], plan: tuple[Step | Block, ...], actors: tuple[Actor, ...] = ()
) -> frozenset[str]:
    """What a guest must be able to do for these expectations to be told, and for these actors to run."""
    capabilities = {OTHER_USERS for actor in actors if actor.user is not None}
    if log and any(belongs(item.id, ASKING) for item in plan):
        capabilities.add(ATTRIBUTION)
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
    wanted = log_expectation(value, where, report)
    if "step" in value:
        wanted = replace(wanted, step=_step(str(value["step"]), (*where, "step"), report, plan))
    if "actor" in value:
        actors = cast.existing(value["actor"], (*where, "actor"))
        wanted = replace(wanted, actor=value["actor"], actors=frozenset(actors))
    return wanted


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
