"""`lab reactos`: a scenario on a free NT kernel."""

from __future__ import annotations

import argparse
from pathlib import Path

from lab.cli_kd import Subcommands


def add_commands(commands: Subcommands) -> None:
    """Register `lab reactos run`."""
    parser = commands.add_parser("reactos", help="run a scenario on ReactOS, from your own boot CD")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    run = actions.add_parser("run", help="install it, perform the scenario, judge what came over the serial ports")
    run.add_argument("scenario", type=Path, metavar="FILE.yaml")
    run.add_argument("--iso", type=Path, required=True, metavar="FILE", help="ReactOS boot CD, 32- or 64-bit")
    run.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    import tempfile

    from lab.build import build
    from lab.config import find_config, load_config
    from lab.errors import Cause
    from lab.progress import Progress
    from lab.scenario.artifacts import new_run_directory
    from lab.scenario.load import load_scenarios
    from lab.scenario.run import run_scenario
    from vm_images.reactos.images import build_traffic, check_images, fitted
    from vm_images.reactos.medium import check_medium
    from vm_images.reactos.profile import check_fits
    from vm_images.reactos.serial_lab import SerialLab

    machine = check_medium(options.iso)
    config = fitted(load_config(options.config or find_config(options.scenario)), machine)
    scenarios = load_scenarios(options.scenario, config)
    for scenario in scenarios:
        check_fits(scenario)
    build(config, Progress())
    check_images(config, {each.driver.name: each.driver for each in scenarios}.values(), machine)
    traffic = build_traffic(machine, Progress())
    directory = new_run_directory(config.root / "artifacts")
    directory.mkdir(parents=True)
    good = True
    for scenario in scenarios:
        lab = SerialLab(config, options.iso, traffic, Path(tempfile.mkdtemp(prefix="reactos-", dir=directory)))
        try:
            verdict = run_scenario(lab, scenario, directory)
        finally:
            lab.close()
        print(verdict.report())
        print(f"{scenario.id}: {verdict.cause.value}; logs: {lab.kd_log.parent}")
        good = good and verdict.cause in (Cause.PASSED, Cause.SKIPPED)
    return 0 if good else 1
