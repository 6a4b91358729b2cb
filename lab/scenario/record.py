"""What was seen of one run of a scenario, and what of it is kept in its directory."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from typing import Any

from lab.errors import LabError
from lab.incidents import Incident
from lab.report.scenario_report import write_report
from lab.scenario.aftermath import Aftermath
from lab.scenario.artifacts import ArtifactDirectory
from lab.scenario.history import history_of
from lab.scenario.kd_slice import KdSlice
from lab.scenario.large import fetch_large
from lab.scenario.model import Isolation, Scenario
from lab.scenario.observed import Recorder
from lab.scenario.plan import LOAD_ID
from lab.scenario.running import RunningLab
from lab.scenario.verdict import Verdict
from lab.traffic.events import Op
from lab.traffic.order import order_json
from lab.verifier import level_names

RESULT_VERSION = 1


@dataclass
class Record:
    """Grows while the scenario runs."""

    lab: RunningLab
    scenario: Scenario
    artifacts: ArtifactDirectory
    aftermath: Aftermath
    recorder: Recorder | None = None
    kd: KdSlice = field(default_factory=KdSlice)
    arranged: int | None = None
    """What Driver Verifier was set to before the scenario, where the lab does that."""
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds by phase."""
    began: float = field(default_factory=time.time)

    @property
    def own_kd(self) -> KdSlice:
        """What the scenario's own driver printed: not the unloading of the one before it."""
        if self.scenario.isolation is Isolation.NONE:
            return self.kd
        return self.kd.since_load(self.scenario.driver.file.name)

    def loaded(self) -> Op | None:
        """The load of the driver, if it succeeded."""
        load = self.recorder.observed.ops.get(LOAD_ID) if self.recorder else None
        return load if load and load.ok else None

    def keep(self, verdict: Verdict) -> None:
        """Write all of it; of a run that was not good also a report, and what it takes to repeat it."""
        artifacts, scenario = self.artifacts, self.scenario
        artifacts.copy(scenario.path, "scenario.yaml")
        artifacts.write_lines("kd.jsonl", self.kd.raw)
        artifacts.write_lines("kd.log", self.own_kd.lines)
        if self.recorder:
            verdict.details += fetch_large(scenario, self.recorder.observed, self.lab.guest, artifacts.directory)
            history = history_of(scenario, self.recorder.observed)
            if scenario.schedule:
                seen = self.recorder.observed.order.blocks
                artifacts.write_json("order.json", order_json(seen, scenario.schedule.to_json()))
            artifacts.write_lines("history.jsonl", (operation.to_json() for operation in history))
        artifacts.write_json("result.json", self._result(verdict))
        if not verdict.is_good:
            self._explain()

    def _explain(self) -> None:
        """Make the directory stand for itself: a report, and what it takes to run the scenario again."""
        try:
            self.lab.keep_inputs(self.scenario, self.artifacts.directory)
            write_report(self.artifacts.directory, self.artifacts.path)
        except Exception:  # The verdict is worth more than its report.
            self.artifacts.write("no-report.txt", traceback.format_exc())

    def _result(self, verdict: Verdict) -> dict[str, Any]:
        scenario = self.scenario
        return {
            "v": RESULT_VERSION,
            "scenario": scenario.id,
            "file": str(scenario.path),
            "point": dict(scenario.point),
            "description": scenario.description,
            "driver": scenario.driver.name,
            "isolation": scenario.isolation.value,
            "tags": list(scenario.tags),
            "seed": scenario.seed,
            "known_issue": str(scenario.known_issue) if scenario.known_issue else None,
            "known": verdict.is_known,
            "schedule": scenario.schedule_json,
            "verifier": {"asked": scenario.verifier.to_json(), "ran": self.ran()},
            "began": round(self.began, 3),
            "cause": verdict.cause.value,
            "reason": verdict.reason,
            "details": verdict.details,
            "failures": [failure.to_json() for failure in verdict.failures],
            "operations": verdict.operations,
            "timings": dict(verdict.timings),
            "incidents": [each.to_json() for each in self._incidents()],
            **self.aftermath.to_json(),
            "from": self._attestation(),
        }

    def ran(self) -> list[str] | None:
        """What of Driver Verifier was in force; None if the guest said nothing."""
        level = self.verified()
        return None if level is None else level_names(level)

    def verified(self) -> int | None:
        """The flags that the loaded driver was checked with, by who set them: the lab, or the script."""
        loaded = self.loaded()
        if loaded is None or self.arranged is not None:
            return self.arranged if loaded else None
        return loaded.verified

    def _incidents(self) -> list[Incident]:
        return self.lab.incidents() if self.recorder else []

    def _attestation(self) -> dict[str, Any]:
        try:
            return self.lab.attestation()
        except LabError as error:
            return {"unknown": str(error)}
