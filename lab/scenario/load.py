"""Reads and checks scenario files: everything that can be wrong is told before anything boots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.config import Config, DriverSpec, ModelSpec
from lab.debugger import read_debugger
from lab.document import Document, FileError, Location, Problem, parse_document, read_document, shown, suggestion
from lab.guest.capabilities import CAPABILITIES
from lab.scenario.cast import Cast, misspelt_step
from lab.scenario.log_expectations import implied_capabilities, log_expectations
from lab.scenario.matrix import Point, at_point, matrix_points
from lab.scenario.model import Block, Isolation, Scenario, Step, flat
from lab.scenario.plan import Planner
from lab.scenario.schedule import read_schedule
from lab.scenario.values import Report, milliseconds
from lab.structure import check_structure, structure_problems

TIMEOUT = "30s"

_PACKAGE = "lab.scenario"
_SCHEMA = "schema.json"
_NOTHING: dict[str, Any] = {"sleep": "0s"}
"""Stands in for a step that cannot be read."""


def load_scenarios(path: Path, config: Config) -> list[Scenario]:
    """The scenarios of a file, one for each point of its matrix.

    Raises FileError with every problem of the file, for all points at once.
    """
    return check_scenarios(read_document(path), path, config)


def check_scenarios(document: Document, path: Path, config: Config) -> list[Scenario]:
    """Like `load_scenarios`, of a document already read."""
    if not isinstance(document.data, dict):
        raise FileError(check_structure(document, _PACKAGE, _SCHEMA))
    problems = _check_matrix(document)
    scenarios = []
    if not problems:
        for point in matrix_points(document, problems):
            at = at_point(document, point, problems)
            at, wrong = _readable_part(at)
            problems += wrong
            if "steps" in at.data:
                scenarios.append(_scenario(at, point, path, config, problems, incomplete=bool(wrong)))
    if problems:
        raise FileError(problems)
    return scenarios


def _check_matrix(document: Document) -> list[Problem]:
    """A wrong matrix stands in the way of reading all the rest; it is checked on its own."""
    if "matrix" not in document.data:
        return []
    alone = {"lab": 1, "steps": [_NOTHING], "matrix": document.data["matrix"]}
    return [problem for _, problem in structure_problems(document, _PACKAGE, _SCHEMA, alone)]


def _readable_part(document: Document) -> tuple[Document, list[Problem]]:
    """What of the document follows the schema, so that its meaning can be checked too, and what is wrong."""
    misspelt = dict(_misspelt(document))
    faults = [
        (where, problem)
        for where, problem in structure_problems(document, _PACKAGE, _SCHEMA, document.data)
        if where[:3] not in misspelt
    ]
    faults += misspelt.items()
    if not faults:
        return document, []
    data = dict(document.data)
    for where, _ in faults:
        if len(where) > 1 and where[0] == "steps" and isinstance(where[1], int):
            data["steps"] = list(data["steps"])
            data["steps"][where[1]] = _NOTHING
        elif where:
            data.pop(str(where[0]), None)
    return Document(document.file, data, document.lines), [problem for _, problem in faults]


def _misspelt(document: Document) -> Iterator[tuple[Location, Problem]]:
    """Steps that would be read as those of an actor called `paralel`."""
    steps, actors = document.data.get("steps"), document.data.get("actors")
    for i, step in enumerate(steps if isinstance(steps, list) else []):
        for name in step if isinstance(step, dict) else {}:
            meant = misspelt_step(name)
            if meant and not (isinstance(actors, dict) and name in actors):
                where = ("steps", i, name)
                right = f"did you mean '{meant}'? (an actor of that name: declare it under `actors:`)"
                yield where, document.problem(where, "is neither a step nor a declared actor", right)


def parse_scenarios(text: str, name: str, config: Config) -> list[Scenario]:
    """Like `load_scenarios`, of text; `name` is what messages call it."""
    return check_scenarios(parse_document(text.encode(), name), Path(name), config)


def _scenario(
    document: Document, point: Point, path: Path, config: Config, problems: list[Problem], *, incomplete: bool
) -> Scenario:
    data = document.data
    report = Report(document, incomplete=incomplete)
    timeout_ms = milliseconds(data.get("timeout", TIMEOUT))
    if timeout_ms == 0:
        report.add(("timeout",), "leaves no time", "a time above 0, as in 30s")
    for i, name in enumerate(data.get("requires", [])):
        if name not in CAPABILITIES:
            what = f"{shown(name)} is no capability that any guest has"
            report.add(("requires", i), what, suggestion(name, CAPABILITIES))
    driver = _driver(data.get("driver"), point, config, report)
    isolation = Isolation(data.get("isolation", "reload"))
    cast = Cast(data.get("actors", {}), config, report)
    plan = Planner(config, driver, cast, report, timeout_ms).plan(data["steps"], isolation)
    wanted = data.get("expect", {})
    log = log_expectations(wanted.get("log"), ("expect", "log"), report, cast, plan)
    scenario = Scenario(
        path=path,
        name=path.stem,
        point=point,
        description=data.get("description", ""),
        driver=driver,
        requires=frozenset(data.get("requires", [])) | implied_capabilities(log, plan),
        isolation=isolation,
        timeout=timeout_ms / 1000,
        actors=cast.actors,
        plan=plan,
        log=log,
        conserved=_conserved(wanted, config, plan, report),
        device=config.device,
        judged_by=_judged_by(wanted, config, cast, report),
        is_contradicted=_is_contradicted(wanted),
        debugger=read_debugger(document, config.root, problems).over(config.debugger),
        seed=data.get("seed", 0),
        schedule=read_schedule(data.get("schedule"), data.get("seed", 0), path.parent, plan, report),
    )
    problems.extend(report.problems)
    return scenario


def _is_contradicted(wanted: dict[str, Any]) -> bool:
    """Whether the scenario plants a fault that the model has to notice."""
    history = wanted.get("history", {})
    return isinstance(history, dict) and history.get("linearizable") is False


def _judged_by(wanted: dict[str, Any], config: Config, cast: Cast, report: Report) -> ModelSpec | None:
    """The reference model, if it is to judge the history."""
    history = wanted.get("history", {})
    if history != "linearizable" and "linearizable" not in history:
        return None
    where = ("expect", "history")
    if config.model is None:
        report.add(where, "needs a reference model of the driver", "`model: FILE.py:CLASS` in lab.yaml")
    for actor in cast.actors:
        if actor.program is not None:
            what = f"cannot be judged: nobody sees what the program {shown(actor.name)} does with the device"
            report.follow(where, what, "leave it out, or let actors without `program:` do it")
    return config.model


def _conserved(
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
            report.follow(("expect", "history", "conserved"), f"{shown(name)} is never opened", near)
        paths.append(path)
    return tuple(paths)


def _driver(name: str | None, point: Point, config: Config, report: Report) -> DriverSpec:
    where: tuple[str | int, ...] = ("driver",)
    if "driver" in point:
        if name is not None:
            report.add(where, "stands beside matrix.driver", "one of them")
        name, where = str(point["driver"]), ("matrix", "driver")
    name = name or config.default_driver
    if name not in config.drivers:
        report.add(where, f"{shown(name)} is not a driver of lab.yaml", suggestion(name, config.drivers))
        return config.driver
    return config.drivers[name]
