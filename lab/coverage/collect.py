"""Coverage of scenarios while they run: with images that count, and unloaded after each, for they tell it then."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from lab.config import Config, CoverageSpec
from lab.coverage.record import CoverageRecord
from lab.coverage.told import told_counts
from lab.errors import LabError, UsageError
from lab.scenario.kd_slice import KdSlice, log_end, read_slice
from lab.scenario.model import Scenario
from lab.scenario.running import RunningLab
from lab.scenario.verdict import Verdict

STOP_DEADLINE = 60.0
SYNC_DEADLINE = 30.0


def coverage_of(config: Config) -> CoverageSpec:
    """Raises UsageError when lab.yaml does not say which images count."""
    if config.coverage is None:
        raise UsageError(f"{config.path} has no `coverage:`", "docs/coverage.md says what belongs there")
    return config.coverage


def counting(config: Config) -> Config:
    """The same lab with the images that count in place of the others. Raises UsageError."""
    spec = coverage_of(config)
    drivers = {name: replace(driver, file=spec.images / driver.file.name) for name, driver in config.drivers.items()}
    return replace(config, drivers=drivers, build=spec.build or config.build)


class Collector:
    """Runs scenarios and keeps what their drivers told."""

    def __init__(self, config: Config) -> None:
        """`config` is one that counts."""
        images = {name: driver.file for name, driver in config.drivers.items()}
        spec = coverage_of(config)
        self.record = CoverageRecord(spec.sources, images, without=spec.without)

    def run(self, scenario: Scenario, lab: Callable[[], RunningLab | None], run: Callable[[], Verdict]) -> Verdict:
        """Run it, and unload its driver; whatever goes wrong with that, the verdict is the scenario's."""
        before = lab()
        log, start, began = (before.kd_log, log_end(before.kd_log), time.time()) if before else (None, 0, time.time())
        verdict = run()
        after = lab()
        if after is None:
            return verdict
        with suppress(LabError):
            after.mark(scenario.id, f"unloading for its coverage: {scenario.driver.name}")
            stop = [after.ensure_traffic(), "service", "stop", scenario.driver.service]
            after.guest.stream(stop, lambda _: None, STOP_DEADLINE)
            after.sync(SYNC_DEADLINE)
            after.mark(None, f"coverage of {scenario.id}")
        part = read_slice(after.kd_log, start if after.kd_log == log else 0)
        self.record.scenarios[scenario.id] = told_counts([_prints_of(part, scenario.id, began)])
        return verdict


def _prints_of(part: KdSlice, scenario: str, began: float) -> str:
    own = [entry for entry in part.entries if entry.get("scenario") == scenario and float(entry["t"]) >= began]
    return KdSlice([""] * len(own), own).text
