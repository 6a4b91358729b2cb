"""The `lab` command. Each command imports what it needs: looking at a log must not wait for WinRM to be loaded."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from lab import (
    cli_coverage,
    cli_crash,
    cli_drill,
    cli_driver,
    cli_explore,
    cli_farm,
    cli_image,
    cli_kd,
    cli_nightly,
    cli_reactos,
    cli_replay,
    cli_report,
    cli_scenario,
    history,
)
from lab.config import Config, find_config, load_config
from lab.errors import LabError
from lab.progress import Progress, plain_console


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. Errors are one line and one piece of advice, on stderr."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except LabError as error:
        report(error)
        return error.exit_code
    except BrokenPipeError:
        return 0


def report(error: LabError) -> None:
    """Say what failed, of which cause class, and what to do."""
    print(f"lab: {error.cause.value}: {error}", file=sys.stderr)
    if error.advice:
        print(f"     what to do: {error.advice}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description="Test a Windows kernel driver in a virtual machine.")
    parser.add_argument("--config", type=Path, help="lab.yaml to use (default: the nearest one above here)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="bring the lab up: image, VM, debugger, driver, snapshot")
    up.set_defaults(run=_up)

    down = commands.add_parser("down", help="end the VM; its snapshots stay for the next start")
    down.set_defaults(run=_down)

    status = commands.add_parser("status", help="what is running")
    status.add_argument("--json", action="store_true", help="as JSON")
    status.set_defaults(run=_status)

    check = commands.add_parser("doctor", help="check the host: tools, accelerator, disk, image")
    check.set_defaults(run=_doctor)

    cli_image.add_commands(commands)
    cli_kd.add_commands(commands)
    cli_farm.add_commands(commands)
    cli_nightly.add_commands(commands)
    cli_reactos.add_commands(commands)
    cli_coverage.add_commands(commands, _config)
    cli_crash.add_commands(commands)
    cli_drill.add_commands(commands)
    cli_driver.add_commands(commands)
    cli_report.add_commands(commands)
    cli_replay.add_commands(commands)
    cli_scenario.add_commands(commands)

    past = commands.add_parser("history", help="the results of all runs; what the processes of a scenario did")
    history.add_commands(past)
    past.set_defaults(run=_history)

    search = commands.add_parser("explore", help="make up traffic, hold it against the model, cut failures down")
    cli_explore.add_arguments(search)
    search.set_defaults(run=lambda options: cli_explore.explore(options, lambda: _config(options)))
    return parser


def _config(options: argparse.Namespace) -> Config:
    return load_config(options.config or find_config(Path.cwd()))


def _history(options: argparse.Namespace) -> int:
    command: Callable[[argparse.Namespace, Callable[[], Config]], int] = options.act
    return command(options, lambda: _config(options))


def _up(options: argparse.Namespace) -> int:
    from lab import bringup, summary
    from lab.scenario.published import publish_schema

    config = _config(options)
    progress = Progress()
    already = bringup.is_up(config)
    lab = bringup.up(config, progress)
    publish_schema(config)
    summary.print_up(lab, progress, already=already)
    return 0


def _down(options: argparse.Namespace) -> int:
    from lab import bringup

    stopped = bringup.down(_config(options))
    print("the lab is down; `lab up` starts it again from its snapshot" if stopped else "no lab is up")
    return 0


def _status(options: argparse.Namespace) -> int:
    from lab import summary
    from lab.running import instance_of

    config = _config(options)
    state = {**summary.collect_status(instance_of(config)), "image_expiry": summary.image_expiry(config)}
    if options.json:
        print(json.dumps(state, indent=1))
    else:
        summary.print_status(state)
    return 0 if state["phase"] == "ready" and not state["image_expiry"].get("ended") else 1


def _doctor(options: argparse.Namespace) -> int:
    from lab import doctor

    return doctor.print_report(doctor.examine(_config(options)), plain_console())
