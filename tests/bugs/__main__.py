"""`python -m tests.bugs`: which check finds which bug, and how fast; and that none complains of a driver without."""

from __future__ import annotations

import argparse
import sys

from lab import bringup
from lab.config import Config, load_config
from lab.errors import LabError
from lab.progress import Progress
from lab.scenario.session import ScenarioSession

from .catalogue import BUGS, HERE, WAYS, Bug, Way
from .hunt import Finding, Hunter


def main() -> int:
    """The exit status is 1 when a bug was not found by the way that has to, or a check was wrong about a driver."""
    parser = argparse.ArgumentParser(prog="python -m tests.bugs", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=10, help="how often to look, where chance has a part (default: 10)"
    )
    parser.add_argument("--budget", type=float, default=60.0, help="seconds to look with one seed (default: 60)")
    parser.add_argument("--only", nargs="+", choices=[bug.name for bug in BUGS], help="these bugs")
    parser.add_argument("--ways", nargs="+", choices=[way.name for way in WAYS], help="these ways")
    options = parser.parse_args()
    config = load_config(HERE / "lab.yaml")
    was_up = bringup.is_up(config)
    try:
        return _hunt(config, options)
    except LabError as error:
        print(f"{error.cause.value}: {error}", file=sys.stderr)
        return error.exit_code
    finally:
        if not was_up:
            bringup.down(config)


def _hunt(config: Config, options: argparse.Namespace) -> int:
    lab = bringup.up(config, Progress())
    lab.claim()
    hunter = Hunter(ScenarioSession(lambda: lab, config.root / "artifacts"), config)
    bugs = [bug for bug in BUGS if not options.only or bug.name in options.only]
    ways = [way for way in WAYS if not options.ways or way.name in options.ways]
    print(f"\n| bug | what | {' | '.join(way.name for way in ways)} | found by | without the bug |")
    print("|---" * (len(ways) + 4) + "|", flush=True)
    bad = 0
    for bug in bugs:
        findings = {way: hunter.hunt(bug, way, options.seeds, options.budget) for way in ways}
        alarms = [f"{way.name}: {alarm}" for way in ways for alarm in hunter.false_alarms(bug, way, options.seeds)]
        print(_row(bug, findings, alarms), flush=True)
        expected = findings.get(bug.way)
        bad += bool(alarms) or (expected is not None and (expected.skipped != "" or None in expected.times))
    print(
        f"\nThe median of {options.seeds} seeds, at most {options.budget:.0f} s each; three runs if there is no seed."
    )
    return 1 if bad else 0


def _row(bug: Bug, findings: dict[Way, Finding], alarms: list[str]) -> str:
    by = list(dict.fromkeys(each.by for each in findings.values() if each.by))
    cells = [bug.name, bug.what, *(each.text for each in findings.values())]
    cells += ["; ".join(by) or "nothing", f"FALSE ALARM: {alarms[0]}" if alarms else "silent"]
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(main())
