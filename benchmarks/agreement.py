"""The same scenarios with nothing checked, with Driver Verifier, and fuzzed: the verdicts of a right driver agree.

    python -m benchmarks.agreement [-k WORD] [--seeds 200] [--each 3] [--minutes 60] [--log FILE]

Each seed is one repetition: `--each` scenarios, others than its neighbours', once in each way. What is done is in the
log, a JSON object for each line, and not done again: a run that was cut short, by `--minutes` or otherwise, goes on
where it stopped. Beside the log is the table of what was covered, `agreement.md`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

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
STRIDE = 31
"""From one scenario of a seed to its next."""


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


@dataclass(frozen=True)
class Ended:
    """How a round ended: a line of the log."""

    scenario: str
    way: str
    seed: int
    cause: str
    reason: str
    image: str
    """Digest of the guest's recipe."""

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.scenario, self.way, self.seed)


Log = dict[tuple[str, str, int], Ended]


def able_scenarios(config: Config, word: str) -> list[Scenario]:
    """Those that load a driver without planting a fault in it."""
    faulty = {path for fault in config.faults.values() for path in fault.found_by}
    paths = sorted(path.resolve() for path in (config.root / "scenarios").glob("*.yaml"))
    found = [each for path in paths if path not in faulty for each in load_scenarios(path, config)]
    return [each for each in found if each.isolation is not Isolation.NONE and word in each.id]


def rounds(able: list[Scenario], seeds: int, each: int) -> Iterator[Round]:
    """Every seed has had its turn, and every scenario, before one has the next: a run may be cut short anywhere."""
    for turn in range(min(each, len(able))):
        for seed in range(seeds):
            scenario = able[(seed + turn * STRIDE) % len(able)]
            for way in WAYS:
                yield Round(scenario, way, seed + 1)


def read_log(path: Path) -> Log:
    """What earlier runs did."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {ended.key: ended for ended in (Ended(**json.loads(line)) for line in lines)}


def perform(lab: RunningLab, config: Config, planned: list[Round], options: argparse.Namespace) -> Log:
    """Do what is not done yet, telling of each round. Returns all that is in the log then."""
    log = read_log(options.log)
    session = ScenarioSession(lambda: lab, config.root / "artifacts")
    end = time.monotonic() + options.minutes * 60
    with options.log.open("a") as file:
        for number, each in enumerate(planned, 1):
            if each.key in log:
                continue
            if time.monotonic() > end:
                break
            began = time.monotonic()
            verdict = session.run(each.prepared())
            ended = Ended(*each.key, verdict.cause.value, verdict.reason, lab.image.digest)
            log[each.key] = ended
            file.write(json.dumps(asdict(ended)) + "\n")
            file.flush()
            took = f"{time.monotonic() - began:.1f} s"
            print(f"{number}/{len(planned)} seed {each.seed} {each.way:8} {ended.scenario}: {ended.cause}, {took}")
            sys.stdout.flush()
    return log


def disagreements(log: Log) -> list[str]:
    """Every round that ended otherwise than the same one with nothing checked, or than it has to."""
    apart = []
    for ended in log.values():
        usual = log.get((ended.scenario, "off", ended.seed), ended).cause
        if ended.cause != usual or ended.cause not in ("passed", "skipped"):
            off = "" if ended.way == "off" else f" ({usual} when off)"
            apart.append(f"{ended.scenario}, seed {ended.seed}, {ended.way}: {ended.cause}{off}: {ended.reason}")
    return apart


def table(log: Log, planned: int) -> str:
    """What was covered, as Markdown: by scenario how often it ended how, in each way."""
    seeds = {ended.seed for ended in log.values()}
    images = ", ".join(sorted({ended.image[:16] for ended in log.values()}))
    apart = disagreements(log)
    text = [f"{len(log)} of {planned} runs, {len(seeds)} seeds, guest image {images}: {len(apart)} disagreements.", ""]
    text += [f"- {each}" for each in apart] + [""] * bool(apart)
    text += [f"| scenario | {' | '.join(WAYS)} |", "|---" * (len(WAYS) + 1) + "|"]
    for scenario in sorted({ended.scenario for ended in log.values()}):
        text.append(f"| {scenario} | {' | '.join(_endings(log, scenario, way) for way in WAYS)} |")
    return "\n".join([*text, f"| all | {' | '.join(_endings(log, None, way) for way in WAYS)} |", ""])


def _endings(log: Log, scenario: str | None, way: str) -> str:
    own = (ended for ended in log.values() if ended.way == way and scenario in (None, ended.scenario))
    causes = Counter(ended.cause for ended in own)
    return ", ".join(f"{count} {cause}" for cause, count in sorted(causes.items())) or "not yet"


def main() -> int:
    """0: all that was done agrees."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agreement", description=__doc__.splitlines()[0])
    parser.add_argument("-k", dest="word", default="", metavar="WORD", help="scenarios whose name has this")
    parser.add_argument("--seeds", type=int, default=200, help="repetitions (default: 200)")
    parser.add_argument("--each", type=int, default=3, help="scenarios of each repetition (default: 3)")
    parser.add_argument("--minutes", type=float, default=75, help="stop then; call again to go on (default: 75)")
    parser.add_argument("--log", type=Path, default=Path("artifacts") / "agreement.jsonl")
    options = parser.parse_args()
    try:
        config = load_config(find_config(Path.cwd()))
        options.log.parent.mkdir(parents=True, exist_ok=True)
        lab = bringup.up(config, Silent())
        lab.claim()
        planned = list(rounds(able_scenarios(config, options.word), options.seeds, options.each))
        log = perform(lab, config, planned, options)
    except LabError as error:
        report(error)
        return error.exit_code
    told = table(log, len(planned))
    options.log.with_suffix(".md").write_text(told)
    print(told)
    return 1 if disagreements(log) else 0


if __name__ == "__main__":
    sys.exit(main())
