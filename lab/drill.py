"""The crash drill: faults on purpose, each of which must end as it should, with its evidence, and leave a good lab.

What the faults are is told by `drill.yaml` in a folder of the driver's; its format is `drill.schema.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.config import Config
from lab.document import FileError
from lab.errors import Cause, UsageError
from lab.scenario.load import load_scenarios
from lab.scenario.model import Scenario
from lab.scenario.session import ScenarioSession
from lab.scenario.verdict import Verdict
from lab.structure import check_structure
from lab.yaml_file import read_document

DRILL = "drill.yaml"
TIMES = 2
READY_WITHIN = 5.0
"""Seconds from a bad ending to a guest that was put back and found in order."""


@dataclass(frozen=True)
class Fault:
    """One fault, and what it must end as."""

    name: str
    scenario: Scenario
    ends: Cause
    code: int | None
    function: str
    dump: bool


@dataclass(frozen=True)
class Drill:
    """What a folder's `drill.yaml` says."""

    healthy: Scenario
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Ending:
    """What one fault came to. `complaints`: what was not as it should be; empty in a drill that went well."""

    fault: Fault
    shown: bool
    """False: this guest cannot show the fault, `what` says why."""
    what: str
    place: str = ""
    """Function, file and line that the report names."""
    signature: str = ""
    report_after: float | None = None
    dump_after: float | None = None
    ready_after: float | None = None
    """Seconds: from the first sign to report and dump, from the order to put the guest back to a guest that is good."""
    complaints: tuple[str, ...] = ()


def load_drill(folder: Path, config: Config) -> Drill:
    """Read the drill in `folder` and its scenarios. Raises UsageError that names file, line and field."""
    path = folder / DRILL
    if not path.is_file():
        raise UsageError(f"no {DRILL} in {folder}", "name a folder with a drill, as driver/drill")
    document = read_document(path)
    problems = check_structure(document, "lab", "drill.schema.json")
    if problems:
        raise FileError(problems)
    data = document.data
    faults = [_fault(folder, name, wanted, config) for name, wanted in data["faults"].items()]
    return Drill(_scenario(folder, data["healthy"], config), tuple(faults))


def run_drill(drill: Drill, session: ScenarioSession, tell: Callable[[Ending], None]) -> list[Ending]:
    """Perform all of it; `tell` gets each ending as it is known."""
    endings = []
    for fault in drill.faults:
        endings.append(_perform(fault, drill.healthy, session))
        tell(endings[-1])
    return endings


def _fault(folder: Path, name: str, wanted: dict[str, Any], config: Config) -> Fault:
    scenario = _scenario(folder, name, config)
    return Fault(
        name, scenario, Cause(wanted["ends"]), wanted.get("code"), wanted.get("in", ""), wanted.get("dump", False)
    )


def _scenario(folder: Path, name: str, config: Config) -> Scenario:
    scenarios = load_scenarios(folder / f"{name}.yaml", config)
    if len(scenarios) != 1:
        raise UsageError(f"{folder / name}.yaml is {len(scenarios)} scenarios", "a drill's have no matrix")
    return scenarios[0]


def _perform(fault: Fault, healthy: Scenario, session: ScenarioSession) -> Ending:
    verdicts: list[Verdict] = []
    ready: list[float | None] = []
    for _ in range(TIMES):
        verdicts.append(session.run(fault.scenario))
        if verdicts[-1].cause is Cause.SKIPPED:
            return Ending(fault, False, verdicts[-1].reason)
        ready.append(_ready_after(session, verdicts[-1]))
    complaints = list(_after(healthy, session))
    results = [_result(each) for each in verdicts]
    for verdict, result in zip(verdicts, results, strict=True):
        complaints += _complaints(fault, verdict, result)
    signatures = {str(each.signature) for each in results}
    if len(signatures) > 1:
        complaints.append(f"the signature changes: {' | '.join(sorted(signatures))}")
    seconds = [each for each in ready if each is not None]
    if seconds and min(seconds) > READY_WITHIN:
        complaints.append(f"the lab was ready only after {min(seconds):.1f} s")
    last = results[-1]
    return Ending(
        fault,
        True,
        verdicts[-1].cause.value,
        last.place,
        last.signature,
        last.seconds("report"),
        last.seconds("dump"),
        min(seconds, default=None),
        tuple(dict.fromkeys(complaints)),
    )


def _after(healthy: Scenario, session: ScenarioSession) -> Iterator[str]:
    verdict = session.run(healthy)
    if verdict.cause is not Cause.PASSED:
        yield f"the lab is not good afterwards: {verdict.headline()}"


def _ready_after(session: ScenarioSession, verdict: Verdict) -> float | None:
    """None when the guest did not have to be put back."""
    if verdict.cause not in (Cause.CRASHED, Cause.HUNG, Cause.GUEST_LOST) or session.lab is None:
        return None
    restored = session.lab.attestation().get("restored")
    return float(restored["seconds"]) if restored else None


@dataclass(frozen=True)
class _Result:
    """What a scenario left on disk."""

    result: dict[str, Any]
    report: dict[str, Any]
    files: frozenset[str]

    @property
    def culprit(self) -> dict[str, Any]:
        return self.report.get("culprit") or {}

    @property
    def place(self) -> str:
        if not self.culprit:
            return ""
        return f"{self.culprit['function']} {self.culprit['file'].rpartition('/')[2]}:{self.culprit['line']}"

    @property
    def signature(self) -> str:
        signature = self.result.get("signature")
        return str(signature["hash"]) if signature else ""

    def seconds(self, what: str) -> float | None:
        """How long it took to secure this part of the evidence."""
        parts = self.result.get("evidence", [])
        return next((each["seconds"] for each in parts if each["what"] == what and "file" in each), None)


def _result(verdict: Verdict) -> _Result:
    directory = verdict.artifacts
    if directory is None:
        return _Result({}, {}, frozenset())
    report = _json(directory / "crash.json") or (_json(directory / "hang.json").get("report") or {})
    return _Result(_json(directory / "result.json"), report, frozenset(each.name for each in directory.iterdir()))


def _json(path: Path) -> dict[str, Any]:
    data = json.loads(path.read_text()) if path.is_file() else {}
    return data if isinstance(data, dict) else {}


def _complaints(fault: Fault, verdict: Verdict, result: _Result) -> Iterator[str]:
    """What one run did not bring."""
    if verdict.cause is not fault.ends:
        yield f"it ended otherwise: {verdict.headline()}"
        return
    if fault.code is not None and (result.result.get("crash") or {}).get("code") != fault.code:
        yield f"the stop code is not {fault.code:#x}: {verdict.reason}"
    if fault.function and (result.culprit.get("function") != fault.function or not result.culprit.get("line")):
        yield f"the report does not name a line of {fault.function}: {result.place or 'it names no function'}"
    if fault.dump and not result.files & {"crash.dmp.gz", "hang.dmp.gz"}:
        yield "there is no dump"
