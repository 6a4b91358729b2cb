"""Scenarios an hour with the driver reloaded for each, where their time goes, and the same done call by call."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.one_call_per_operation import CallByCall
from lab import bringup
from lab.config import Config
from lab.errors import Cause
from lab.progress import Silent
from lab.running import RunningLab
from lab.scenario.load import load_scenarios
from lab.scenario.model import Isolation, Scenario
from lab.scenario.plan import LOAD_ID
from lab.scenario.session import ScenarioSession
from lab.scenario.verdict import Verdict

WANTED_AN_HOUR = 1500
WANTED_RATIO = 20
TIMES = 3
COMPARED = (
    "one-name-is-shared-by-two-processes[example-buffered]",
    "reads-come-in-the-order-of-writes[example-buffered]",
    "last-close-frees-the-context",
    "prints-of-parallel-actors-are-told-apart",
    "buffer-wraps-around[example-buffered]",
    "four-writers-and-four-readers[example-buffered]",
    "eight-processes-at-four-names",
)
"""Done call by call too: what a lab saves grows with the operations, so these have from 7 to 633."""


@dataclass(frozen=True)
class Split:
    """Seconds of one scenario, or of several."""

    reload: float
    traffic: float
    winrm: float
    files: float
    checks: float

    @property
    def total(self) -> float:
        return self.reload + self.traffic + self.winrm + self.files + self.checks

    def __str__(self) -> str:
        parts = vars(self).items()
        return ", ".join(f"{name} {seconds / self.total:.0%} ({seconds:.2f} s)" for name, seconds in parts)


def measure(config: Config) -> None:
    """Print rate, split and ratio. Raises RuntimeError when a scenario does not end as it should."""
    lab = bringup.up(config, Silent())
    files = sorted((config.root / "scenarios").glob("*.yaml"))
    scenarios = [each for file in files for each in load_scenarios(file, config) if each.isolation is Isolation.RELOAD]
    with TemporaryDirectory() as folder:
        session = ScenarioSession(lambda: lab, Path(folder))
        _run(session, scenarios[0])
        begin = time.monotonic()
        splits = [_run(session, each) for each in scenarios]
        total = time.monotonic() - begin
        _print_rate(splits, total)
        _compare(lab, session, [next(each for each in scenarios if each.id == name) for name in COMPARED])
    lab.restore()


def _compare(lab: RunningLab, session: ScenarioSession, scenarios: list[Scenario]) -> None:
    """Each scenario both ways, one directly after the other; what is short is done several times, the median counts."""
    client = CallByCall(lab)
    whole, by_calls = 0.0, 0.0
    print("  as a scenario, and with one pywinrm call for each operation:")
    for scenario in scenarios:
        once = statistics.median(_seconds(partial(_run, session, scenario)) for _ in range(TIMES))
        begin = time.monotonic()
        operations = client.perform(scenario)
        calls = time.monotonic() - begin
        whole, by_calls = whole + once, by_calls + calls
        print(f"    {operations:3} operations: {_ratio(once, calls)}  {scenario.id}", flush=True)
    print(f"    all together:   {_ratio(whole, by_calls)} (wanted: at least {WANTED_RATIO} times)")


def _seconds(work: Callable[[], object]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def _ratio(scenario: float, calls: float) -> str:
    return f"{scenario:5.2f} s, {calls:6.1f} s: {calls / scenario:3.0f} times as long"


def _print_rate(splits: list[Split], total: float) -> None:
    rate = 3600 * len(splits) / total
    print(f"  {len(splits)} scenarios in {total:.1f} s: {rate:.0f} an hour (wanted: at least {WANTED_AN_HOUR})")
    medians = {name: statistics.median(getattr(each, name) for each in splits) for name in Split.__dataclass_fields__}
    print(f"  median of {statistics.median(each.total for each in splits):.2f} s: {Split(**medians)}")
    sums = {name: sum(getattr(each, name) for each in splits) for name in Split.__dataclass_fields__}
    print(f"  all together: {Split(**sums)}", flush=True)


def _run(session: ScenarioSession, scenario: Scenario) -> Split:
    begin = time.monotonic()
    verdict = session.run(scenario)
    total = time.monotonic() - begin
    if verdict.cause not in (Cause.PASSED, Cause.SKIPPED):
        raise RuntimeError(f"{scenario.id}: {verdict.headline()}")
    return _split(verdict, total)


def _split(verdict: Verdict, total: float) -> Split:
    """`files` is what is put into the guest and said to the supervisor before, `checks` all that comes after."""
    reload, guest = _in_guest(verdict.artifacts)
    prepare, traffic = verdict.timings.get("prepare", 0.0), verdict.timings.get("traffic", 0.0)
    return Split(
        reload=reload,
        traffic=guest - reload,
        winrm=max(0.0, traffic - guest),
        files=prepare,
        checks=total - prepare - traffic,
    )


def _in_guest(artifacts: Path | None) -> tuple[float, float]:
    """Seconds that loading the driver took, and that the traffic program worked."""
    if artifacts is None or not (artifacts / "events.jsonl").exists():
        return 0.0, 0.0
    events = [json.loads(line) for line in (artifacts / "events.jsonl").read_text().splitlines()]
    reload = sum(each["t1"] - each["t0"] for each in events if each.get("id") == LOAD_ID)
    return reload / 1e6, max((each.get("t1", each.get("t", 0)) for each in events), default=0) / 1e6
