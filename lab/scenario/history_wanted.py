"""The `expect: {history: ...}` of a scenario: whether the model judges it, and which names lose no byte."""

from __future__ import annotations

from typing import Any

from lab.config import Config, ModelSpec
from lab.document import Location, shown, suggestion
from lab.scenario.cast import Cast
from lab.scenario.model import Block, Step, flat
from lab.scenario.values import Report

_WHERE: Location = ("expect", "history")


def is_contradicted(wanted: dict[str, Any]) -> bool:
    """Whether the scenario plants a fault that the model has to notice."""
    history = wanted.get("history", {})
    return isinstance(history, dict) and history.get("linearizable") is False


def judging_model(wanted: dict[str, Any], config: Config, cast: Cast, report: Report) -> ModelSpec | None:
    """The reference model, if it is to judge the history."""
    history = wanted.get("history", {})
    if history != "linearizable" and "linearizable" not in history:
        return None
    if config.model is None:
        report.add(_WHERE, "needs a reference model of the driver", "`model: FILE.py:CLASS` in lab.yaml")
    for actor in cast.actors:
        if actor.program is not None:
            what = f"cannot be judged: nobody sees what the program {shown(actor.name)} does with the device"
            report.follow(_WHERE, what, "leave it out, or let actors without `program:` do it")
    return config.model


def conserved_paths(
    wanted: dict[str, Any], config: Config, plan: tuple[Step | Block, ...], report: Report
) -> tuple[str, ...]:
    """Device paths of the names whose bytes have to be accounted for."""
    history = wanted.get("history", {})
    names = history.get("conserved", []) if isinstance(history, dict) else []
    names = names if isinstance(names, list) else [names]
    opened = {step.path.lower() for step in flat(plan) if step.op == "open"}
    paths = []
    for name in names:
        path = f"{config.device}\\{name}" if name else config.device
        if path.lower() not in opened:
            near = suggestion(name, [each.removeprefix(f"{config.device}\\".lower()) for each in opened])
            report.follow((*_WHERE, "conserved"), f"{shown(name)} is never opened", near)
        paths.append(path)
    return tuple(paths)
