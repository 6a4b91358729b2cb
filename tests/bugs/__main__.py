"""`python -m tests.bugs`: which check finds which bug, and how fast; and that none complains of a driver without.

What is done is in the log, a JSON object for each bug and way, and not done again: a run that was cut short goes on
where it stopped. A table of all bugs and ways is written to docs/bug-table.md, its gist into the README.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from lab import bringup
from lab.config import load_config
from lab.errors import LabError
from lab.progress import Progress
from lab.scenario.session import ScenarioSession

from .catalogue import ALL, HERE, WAYS, Bug, Way
from .hunt import Hunter
from .table import Result, brief, markdown, must_find, with_brief

WRITTEN = HERE.parents[1] / "docs" / "bug-table.md"
README = HERE.parents[1] / "README.md"
"""Has the gist of it."""


def main() -> int:
    """The exit status is 1 when a bug was not found by the way that has to, or a check was wrong about a driver."""
    parser = argparse.ArgumentParser(prog="python -m tests.bugs", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seeds", type=int, default=10, help="how often to look, where chance has a part (default: 10)"
    )
    parser.add_argument("--budget", type=float, default=60.0, help="seconds to look with one seed (default: 60)")
    parser.add_argument("--minutes", type=float, default=240.0, help="stop then; call again to go on (default: 240)")
    parser.add_argument("--only", nargs="+", choices=[bug.name for bug in ALL], help="these bugs")
    parser.add_argument("--ways", nargs="+", choices=[way.name for way in WAYS], help="these ways")
    parser.add_argument("--log", type=Path, default=Path("artifacts") / "bug-table.jsonl")
    options = parser.parse_args()
    bugs = [bug for bug in ALL if not options.only or bug.name in options.only]
    ways = [way for way in WAYS if not options.ways or way.name in options.ways]
    try:
        results = _hunt(bugs, ways, options)
    except LabError as error:
        print(f"{error.cause.value}: {error}", file=sys.stderr)
        return error.exit_code
    text = markdown(bugs, ways, results, options.seeds, options.budget)
    print(f"\n{text}")
    if not options.only and not options.ways:
        WRITTEN.write_text(text)
        README.write_text(with_brief(README.read_text(), brief(text, WAYS)))
    return 0 if all(result.is_right(bug, way) for (bug, way), result in results.items()) else 1


def _hunt(bugs: list[Bug], ways: list[Way], options: argparse.Namespace) -> dict[tuple[Bug, Way], Result]:
    """Look for what is not in the log. Returns all of it that was asked for."""
    options.log.parent.mkdir(parents=True, exist_ok=True)
    # The way that has to find it comes first, for a run that is cut short.
    pairs = [(bug, way) for bug in bugs for way in ways]
    order = sorted(pairs, key=lambda each: 0 if each[1] == each[0].way else 1 if must_find(*each) else 2)
    named = {(bug.name, way.name): (bug, way) for bug, way in order}
    results = {named[key]: result for key, result in _read(options.log).items() if key in named}
    end = time.monotonic() + options.minutes * 60
    hunters: dict[Path, Hunter] = {}
    with ExitStack() as labs, options.log.open("a") as log:
        for bug, way in named.values():
            if (bug, way) in results:
                continue
            if time.monotonic() > end:
                break
            if bug.lab not in hunters:
                hunters[bug.lab] = _hunter(bug.lab, labs)
            hunter = hunters[bug.lab]
            result = Result(hunter.hunt(bug, way, options.seeds, options.budget), hunter.false_alarms(bug, way))
            results[bug, way] = result
            print(f"{bug.name}, {way.name}: {result.finding.text} {result.finding.by}", flush=True)
            log.write(json.dumps({"bug": bug.name, "way": way.name, **result.to_json()}) + "\n")
            log.flush()
    return results


def _hunter(path: Path, labs: ExitStack) -> Hunter:
    """On a lab that goes down again if it was down. Nothing is secured of crashes: nobody reads it."""
    config = load_config(path)
    if not bringup.is_up(config):
        labs.callback(bringup.down, config)
    lab = bringup.up(config, Progress())
    lab.claim()
    setattr(lab, "secure_crash", lambda _: lab.await_scene())  # noqa: B010  # only this one
    return Hunter(ScenarioSession(lambda: lab, config.root / "artifacts"), config)


def _read(log: Path) -> dict[tuple[str, str], Result]:
    lines = log.read_text().splitlines() if log.exists() else []
    entries = [json.loads(line) for line in lines]
    return {(entry["bug"], entry["way"]): Result.from_json(entry) for entry in entries}


if __name__ == "__main__":
    sys.exit(main())
