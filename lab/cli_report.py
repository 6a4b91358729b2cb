"""`lab report`: make the report of what a scenario left on disk anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from lab.cli_kd import Subcommands


def add_commands(commands: Subcommands) -> None:
    """`lab report DIR...`."""
    report = commands.add_parser("report", help="make report.txt and report.html of a scenario's directory anew")
    report.add_argument("directories", type=Path, nargs="+", metavar="DIR", help="below artifacts/RUN/")
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from lab.report.scenario_report import write_report

    for directory in options.directories:
        print(write_report(directory))
    return 0
