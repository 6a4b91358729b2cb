"""The same scenarios with nothing checked, with Driver Verifier, and fuzzed: the verdicts of a right driver agree.

    python -m benchmarks.agreement [-k WORD] [--seeds 200] [--minutes 60] [--log FILE]

Each seed is one round: every scenario once in each way. What is done is in the log, one JSON object a line, and not
done again: a run that was cut short, by `--minutes` or otherwise, goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab import bringup
from lab.cli import report
from lab.config import Config, find_config, load_config
from lab.errors import LabError
from lab.progress import Silent
from lab.running import RunningLab
from lab.scenario.load import load_scenarios
from lab.scenario.model import Isolation, Scenario
from lab.scenario.session import ScenarioSession
from lab.verifier import STANDARD, Verifier

WAYS = ("off", "checked", "fuzzed")
SLOWER = {"off": 1, "checked": 2, "fuzzed": 10}
"""How many times its time-out a scenario gets."""


@dataclass(frozen=True)
class Round:
    """One scenario, in one way, with one seed."""

    scenario: Scenario
    way: str
    seed: int

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.scenario.id, self.way, self.seed)

    def prepared(self) -> Scenario:
        """The scenario with what this way changes of it."""
        verifier = {"off": Verifier(), "checked": Verifier(STANDARD), "fuzzed": Verifier(STANDARD, self.seed)}[self.way]
        slower = SLOWER[self.way]
        plan = tuple(replace(item, timeout_ms=item.timeout_ms * slower) for item in self.scenario.plan)
        timeout = self.scenario.timeout * slower
        return replace(self.scenario, verifier=verifier, seed=self.seed, timeout=timeout, plan=plan)


def rounds(config: Config, word: str, seeds: int) -> Iterator[Round]:
    """Seed by seed, so that a run cut short has been through everything as often as it could."""
    scenarios = [
        each for path in sorted((config.root / "scenarios").glob("*.yaml")) for each in load_scenarios(path, config)
    ]
    able = [each for each in scenarios if each.isolation is not Isolation.NONE and word in each.id]
    for seed in range(1, seeds + 1):
        for scenario in able:
            for way in WAYS:
                yield Round(scenario, way, seed)


def done(log: Path) -> dict[tuple[str, str, int], str]:
    """Verdicts of earlier runs."""
    lines = log.read_text().splitlines() if log.exists() else []
    entries: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return {(entry["scenario"], entry["way"], entry["seed"]): entry["cause"] for entry in entries}


def perform(lab: RunningLab, config: Config, options: argparse.Namespace) -> dict[tuple[str, str, int], str]:
    """Do what is not done yet. Returns all verdicts."""
    verdicts = done(options.log)
    session = ScenarioSession(lambda: lab, config.root / "artifacts")
    end = time.monotonic() + options.minutes * 60
    with options.log.open("a") as log:
        for each in rounds(config, options.word, options.seeds):
            if time.monotonic() > end:
                break
            if each.key in verdicts:
                continue
            verdict = session.run(each.prepared())
            verdicts[each.key] = verdict.cause.value
            entry = {"scenario": each.scenario.id, "way": each.way, "seed": each.seed, "cause": verdict.cause.value}
            log.write(json.dumps({**entry, "reason": verdict.reason}) + "\n")
            log.flush()
    return verdicts


def compare(verdicts: dict[tuple[str, str, int], str]) -> int:
    """Print how often each way ended how, and every disagreement. Returns the number of these."""
    for way in WAYS:
        causes = Counter(cause for (_, its_way, _), cause in verdicts.items() if its_way == way)
        print(f"  {way:8}", ", ".join(f"{count} {cause}" for cause, count in sorted(causes.items())) or "nothing")
    apart = 0
    for (scenario, way, seed), cause in verdicts.items():
        usual = verdicts.get((scenario, "off", seed), cause)
        if cause != usual:
            apart += 1
            print(f"  {scenario}, seed {seed}: {usual} when off, {cause} when {way}")
    print(f"  {len(verdicts)} runs, {apart} disagreements (wanted: 0)")
    return apart


def main() -> int:
    """0: all agree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agreement", description=__doc__.splitlines()[0])
    parser.add_argument("-k", dest="word", default="", metavar="WORD", help="scenarios whose name has this")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--log", type=Path, default=Path("artifacts") / "agreement.jsonl")
    options = parser.parse_args()
    try:
        config = load_config(find_config(Path.cwd()))
        options.log.parent.mkdir(parents=True, exist_ok=True)
        lab = bringup.up(config, Silent())
        lab.claim()
        return 1 if compare(perform(lab, config, options)) else 0
    except LabError as error:
        report(error)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
