"""What an exploration leaves: for each finding a scenario that shows it, and what happened when it was run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.document import display_path
from lab.explore.case import Case, Together
from lab.explore.ground import Ground
from lab.explore.play import TROUBLE, Scenarios
from lab.explore.scenario_file import PLAIN, Form, scenario_text
from lab.explore.search import Finding
from lab.scenario.load import load_scenarios
from lab.scenario.verdict import Verdict
from lab.traffic.history import Operation, read_history
from lab.traffic.lanes import draw_svg, lanes_of
from lab.traffic.script import CONDUCTOR

TIMES = 20
"""For what does not happen each time."""
SEEDS = range(1, 9)
"""Orders to try for it."""
RUNS = 3


@dataclass
class Entry:
    """A finding, written down."""

    finding: Finding
    path: Path
    failed: int = 0
    """How many of the runs of the written scenario."""
    runs: int = 0
    headline: str = ""

    @property
    def is_shown(self) -> bool:
        """The written scenario fails each time."""
        return 0 < self.failed == self.runs


class Notebook:
    """A directory of findings."""

    def __init__(self, directory: Path, ground: Ground, scenarios: Scenarios, seed: int) -> None:
        self.directory = directory
        self.entries: list[Entry] = []
        self._ground = ground
        self._scenarios = scenarios
        self._seed = seed

    def take(self, finding: Finding) -> None:
        """Write the scenario, run it, and keep what came of it. Raises OSError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        number = len(self.entries) + 1
        entry = Entry(finding, self.directory / f"finding-{number}.yaml", headline=str(finding.trouble))
        self.entries.append(entry)
        best = (0, finding.case, PLAIN)
        for case, form in _ways_to_write(finding):
            self._try(entry, case, form)
            best = max(best, (entry.failed, case, form), key=lambda each: each[0])
            if entry.is_shown:
                return
        self._try(entry, *best[1:])
        if not entry.failed:
            self._draw(entry, finding.operations)

    def _try(self, entry: Entry, case: Case, form: Form) -> None:
        """Write it down like this, and see how often it fails; it may as well not fail the first time."""
        description = f"Found by lab explore, seed {self._seed}; {entry.finding.trouble}"
        entry.path.write_text(scenario_text(self._ground, case, description, form), encoding="utf-8")
        (scenario,) = load_scenarios(entry.path, self._ground.config)
        entry.failed = 0
        for entry.runs in range(1, RUNS + 1):
            verdict = self._scenarios.run(scenario)
            is_trouble = verdict.cause in TROUBLE
            if is_trouble:
                entry.failed += 1
                entry.headline = verdict.headline()
            if is_trouble and entry.failed == 1:
                self._keep(entry, verdict)
            elif verdict.artifacts:
                shutil.rmtree(verdict.artifacts)
            if form.seed is not None and not entry.failed:
                return

    def _keep(self, entry: Entry, verdict: Verdict) -> None:
        if verdict.artifacts is None:
            return
        kept = entry.path.with_suffix("")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(verdict.artifacts, kept)
        history = kept / "history.jsonl"
        if history.is_file():
            self._draw(entry, read_history(history))

    def _draw(self, entry: Entry, operations: list[Operation]) -> None:
        picture = draw_svg(lanes_of(each for each in operations if each.actor != CONDUCTOR), str(entry.finding.trouble))
        entry.path.with_suffix(".svg").write_text(picture, encoding="utf-8")


def _ways_to_write(finding: Finding) -> Iterator[tuple[Case, Form]]:
    """The plainest first; what depends on the order of operations may fail each time in one of some orders."""
    case = finding.case
    yield case, PLAIN
    if any(isinstance(step, Together) for step in case.steps):
        yield from ((case, Form(seed=seed)) for seed in SEEDS)
    if not case.kills:
        yield case, Form(times=TIMES)
    if finding.original != case:
        yield finding.original, PLAIN


def in_words(entry: Entry) -> list[str]:
    """Some lines for a terminal."""
    finding = entry.finding
    calls = sum(1 for _ in finding.case.calls)
    again = (
        f"fails in {entry.failed} of {entry.runs} runs" if entry.failed else "did not fail again when it was run alone"
    )
    return [
        entry.headline,
        f"  after {finding.seconds:.0f} s; cut down to {calls} operations in {finding.shrinking:.0f} s"
        + (f"; {finding.seen} more cases likewise" if finding.seen else ""),
        f"  {display_path(entry.path)} ({again})",
        f"  {display_path(entry.path.with_suffix('.svg'))}, {display_path(entry.path.with_suffix(''))}/",
    ]
