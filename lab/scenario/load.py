"""Reads and checks scenario files: everything that can be wrong is told before anything boots."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.config import Config, DriverSpec
from lab.debugger import read_debugger
from lab.document import Document, FileError, Location, Problem, shown, suggestion
from lab.guest.capabilities import CAPABILITIES
from lab.scenario.cast import Cast, misspelt_step
from lab.scenario.end_state import asker, end_state, end_steps
from lab.scenario.expected_crash import expected_crash
from lab.scenario.history_wanted import conserved_paths, is_contradicted, judging_model
from lab.scenario.known_issue import known_issue
from lab.scenario.log_expectations import implied_capabilities, log_expectations
from lab.scenario.matrix import Point, at_point, matrix_points
from lab.scenario.model import Isolation, Scenario
from lab.scenario.plan import Planner
from lab.scenario.schedule import read_schedule
from lab.scenario.values import Report, milliseconds
from lab.scenario.verification import wanted_verifier
from lab.structure import check_structure, structure_problems
from lab.yaml_file import parse_document, read_document

TIMEOUT = "30s"
GUESTS = ("wine", "windows", "reactos")

_PACKAGE = "lab.scenario"
_SCHEMA = "schema.json"
_NO_TAGS = ("and", "filterwarnings", "not", "or", "parametrize", "skip", "skipif", "usefixtures", "vm", "xfail")
_NOTHING: dict[str, Any] = {"sleep": "0s"}
"""Stands in for a step that cannot be read."""


def load_scenarios(path: Path, config: Config, seed: int | None = None) -> list[Scenario]:
    """The scenarios of a file, one for each point of its matrix; `seed` is what `seed: random` stands for.

    Raises FileError with every problem of the file, for all points at once.
    """
    return check_scenarios(read_document(path), path, config, seed)


def check_scenarios(document: Document, path: Path, config: Config, seed: int | None = None) -> list[Scenario]:
    """Like `load_scenarios`, of a document already read."""
    drawn = secrets.randbelow(1 << 32) if seed is None else seed
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
                scenarios.append(_scenario(at, point, path, config, drawn, problems, incomplete=bool(wrong)))
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
    document: Document,
    point: Point,
    path: Path,
    config: Config,
    drawn: int,
    problems: list[Problem],
    *,
    incomplete: bool,
) -> Scenario:
    data = document.data
    report = Report(document, incomplete=incomplete)
    timeout_ms = milliseconds(data.get("timeout", TIMEOUT))
    if timeout_ms == 0:
        report.add(("timeout",), "leaves no time", "a time above 0, as in 30s")
    _check_words(data, report)
    driver = _driver(data.get("driver"), point, config, report)
    isolation = Isolation(data.get("isolation", "reload"))
    seed = drawn if data.get("seed") == "random" else data.get("seed", 0)
    verifier = wanted_verifier(data, point, seed, isolation, report)
    wanted = data.get("expect", {})
    cast = Cast(data.get("actors", {}), config, report, seed)
    end = end_state(wanted.get("end"), config, report)
    plan = Planner(config, driver, cast, report, timeout_ms, seed).plan(data["steps"], isolation)
    plan += tuple(end_steps(end, config, driver, cast))
    log = end.log + log_expectations(wanted.get("log"), ("expect", "log"), report, cast, plan)
    scenario = Scenario(
        path=path,
        name=path.stem,
        point=point,
        description=data.get("description", ""),
        driver=driver,
        requires=frozenset(data.get("requires", []))
        | implied_capabilities(log, plan, cast.actors)
        | frozenset(verifier.requires()),
        isolation=isolation,
        timeout=timeout_ms / 1000,
        actors=cast.actors + asker(plan),
        plan=plan,
        log=log,
        conserved=conserved_paths(wanted, config, plan, report),
        device=config.device,
        judged_by=judging_model(wanted, config, cast, report),
        is_contradicted=is_contradicted(wanted),
        verifier=verifier,
        debugger=read_debugger(document, config.root, problems).over(config.debugger),
        schedule=read_schedule(data.get("schedule"), seed, path.parent, plan, report),
        crash=expected_crash(wanted.get("crash"), report),
        tags=tuple(data.get("tags", [])),
        seed=seed,
        is_seed_drawn=data.get("seed") == "random",
        known_issue=known_issue(data.get("known_issue"), point, report),
        elsewhere=_elsewhere(data.get("guest"), point, config, report),
    )
    problems.extend(report.problems)
    return scenario


def _check_words(data: dict[str, Any], report: Report) -> None:
    for i, name in enumerate(data.get("requires", [])):
        if name not in CAPABILITIES:
            what = f"{shown(name)} is no capability that any guest has"
            report.add(("requires", i), what, suggestion(name, CAPABILITIES))
    for i, tag in enumerate(data.get("tags", [])):
        if tag in _NO_TAGS:
            report.add(("tags", i), f"{shown(tag)} means something else to pytest", "another word")


def _elsewhere(name: str | None, point: Point, config: Config, report: Report) -> str:
    """Why the scenario is not for this lab's guest."""
    if "guest" in point:
        if name is not None:
            report.add(("guest",), "stands beside matrix.guest", "one of them")
        name = str(point["guest"])
        if name not in GUESTS:
            report.add(("matrix", "guest"), f"{shown(name)} is no guest", suggestion(name, GUESTS))
    if name in (None, config.guest):
        return ""
    return f"it is for the guest {name}, and this lab has {config.guest}"


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
