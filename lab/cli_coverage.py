"""`lab coverage`: which lines and branches of the driver a run of scenarios missed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from lab.cli_kd import Subcommands
from lab.config import Config
from lab.errors import UsageError


def add_commands(commands: Subcommands, config: Callable[[argparse.Namespace], Config]) -> None:
    """`lab coverage [DIR...]`."""
    coverage = commands.add_parser("coverage", help="lines and branches of the driver that scenarios missed")
    coverage.add_argument("runs", type=Path, nargs="*", metavar="DIR", help="artifacts/RUN (default: the latest)")
    coverage.add_argument("--scenario", metavar="TEXT", help="only scenarios with this in their name")
    coverage.add_argument("--html", type=Path, metavar="DIR", help="write the source with what ran, too")
    coverage.add_argument("--fail-under", type=float, metavar="PERCENT", help="exit status 1 if fewer lines ran")
    coverage.set_defaults(run=lambda options: _coverage(options, config))


def _coverage(options: argparse.Namespace, config: Callable[[argparse.Namespace], Config]) -> int:
    from lab.coverage.lines import Coverage, merge
    from lab.coverage.record import FILE, read_record
    from lab.coverage.report import counted, share, text_report, write_html

    records = [read_record(run / FILE) for run in options.runs or [_latest(config(options).root / "artifacts", FILE)]]
    merged: Coverage = {}
    for record in records:
        merge(merged, record.coverage(options.scenario))
    print(text_report(merged))
    if options.html:
        print(f"\n{write_html(merged, records[0].sources, options.html)}")
    return 1 if options.fail_under is not None and share(counted(merged)) * 100 < options.fail_under else 0


def _latest(artifacts: Path, name: str) -> Path:
    runs = sorted(artifacts.glob(f"*/{name}"))
    if not runs:
        raise UsageError(f"no run below {artifacts} has coverage", "pytest scenarios --coverage")
    return runs[-1].parent
