"""`lab report`: make the report of what a scenario, or a whole run, left on disk anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from lab.cli_kd import Subcommands


def add_commands(commands: Subcommands) -> None:
    """`lab report DIR...`."""
    report = commands.add_parser("report", help="make the report of a scenario's directory, or of a run's, anew")
    report.add_argument("directories", type=Path, nargs="+", metavar="DIR", help="artifacts/RUN, or one below it")
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from lab.report.record import HTML, RESULT
    from lab.report.run_files import write_run
    from lab.report.run_record import read_run
    from lab.report.scenario_report import write_report

    for directory in options.directories:
        if (directory / RESULT).is_file():
            print(write_report(directory))
        else:
            write_run(read_run(directory))
            print(directory / HTML)
    return 0
