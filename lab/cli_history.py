"""`lab history list`, `import`, `html`, `diff`: the results of all runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from lab.cli_kd import Subcommands
from lab.config import Config
from lab.report.run_record import RunRecord

PAGE = "history.html"
WORSE = 1


def add_commands(commands: Subcommands) -> None:
    """What of `lab history` is about runs; each command gets its function as `act`."""
    list_ = commands.add_parser("list", help="the newest runs, and how they ended")
    list_.add_argument("--last", type=int, default=20, metavar="N", help="so many (default: %(default)d)")
    list_.set_defaults(act=_list)
    import_ = commands.add_parser("import", help="put runs of other places, or of before, into the history")
    import_.add_argument("directories", type=Path, nargs="+", metavar="RUN", help="artifacts/RUN, or artifacts for all")
    import_.set_defaults(act=_import)
    html = commands.add_parser("html", help="the page of what changed since yesterday")
    html.add_argument("--out", type=Path, metavar="FILE", help=f"(default: artifacts/{PAGE})")
    html.add_argument("--since-hours", type=float, metavar="N", help="hours before the newest run (default: 20)")
    html.set_defaults(act=_html)
    diff = commands.add_parser("diff", help="compare two runs; exit status 1 if the second one has new failures")
    diff.add_argument("first", type=Path, metavar="A", help="artifacts/RUN")
    diff.add_argument("second", type=Path, metavar="B", help="artifacts/RUN")
    diff.set_defaults(act=_diff)


def _list(options: argparse.Namespace, read_config: Callable[[], Config]) -> int:
    from datetime import UTC, datetime

    from lab.results.record import open_history

    with open_history(read_config().root) as store:
        rows = store.runs(options.last)
    for run in reversed(rows):
        when = datetime.fromtimestamp(run.began, UTC).strftime("%Y-%m-%d %H:%M")
        endings = ", ".join(f"{count} {cause}" for cause, count in run.counts.items())
        print(f"{when}  {run.kind:<9}  {run.name:<22}  {(run.ended - run.began) / 60:6.1f} min  {endings}")
    return 0


def _import(options: argparse.Namespace, read_config: Callable[[], Config]) -> int:
    from lab.report.run_record import read_run
    from lab.results.record import open_history, runs_below

    added = known = 0
    with open_history(read_config().root) as store:
        for directory in options.directories:
            for each in runs_below(directory):
                if store.add(read_run(each)):
                    added += 1
                else:
                    known += 1
    print(f"{added} added, {known} known already")
    return 0


def _html(options: argparse.Namespace, read_config: Callable[[], Config]) -> int:
    from lab.results.page import ask, write_page
    from lab.results.questions import newest_run
    from lab.results.record import artifacts_of, open_history

    root = read_config().root
    with open_history(root) as store:
        newest = newest_run(store.database)
        hours = options.since_hours
        morning = ask(store.database, None if hours is None or newest is None else newest - hours * 3600)
    path = options.out or artifacts_of(root) / PAGE
    write_page(morning, path)
    print(morning.headline)
    print(path)
    return 0


def _diff(options: argparse.Namespace, _: Callable[[], Config]) -> int:
    from lab.results.compare import compare_runs

    first, second = _run(options.first), _run(options.second)
    found = compare_runs(first, second)
    for each in found:
        print(each)
    new = sum(each.kind == "new failure" for each in found)
    print(f"{new} new failures, {len(found) - new} other differences; {len(second.outcomes)} scenarios")
    return WORSE if new else 0


def _run(directory: Path) -> RunRecord:
    from lab.report.run_record import read_run

    return read_run(directory)
