"""`pytest scenarios --coverage`: which lines and branches of the driver the scenarios ran."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.errors import LabError

if TYPE_CHECKING:
    from lab.config import Config
    from lab.coverage.collect import Collector
    from lab.scenario.model import Scenario
    from lab.scenario.session import ScenarioSession
    from lab.scenario.verdict import Verdict

COLLECTORS = pytest.StashKey[dict[Path, "Collector"]]()
"""One for each lab.yaml."""


def add_option(group: pytest.OptionGroup) -> None:
    """`--coverage`."""
    group.addoption("--coverage", action="store_true", help="which lines of the driver the scenarios run")


def configure(config: pytest.Config) -> None:
    config.stash[COLLECTORS] = {}


def configured(config: pytest.Config, lab_config: Config) -> Config:
    """The lab as it is to be run: with images that count if that was asked for. Raises UsageError."""
    if not config.getoption("--coverage"):
        return lab_config
    from lab.coverage.collect import counting

    return counting(lab_config)


def run(config: pytest.Config, lab_config: Config, session: ScenarioSession, scenario: Scenario) -> Verdict:
    """Run a scenario in its session, and collect its coverage if that was asked for."""
    if not config.getoption("--coverage"):
        return session.run(scenario)
    from lab.coverage.collect import Collector

    collector = config.stash[COLLECTORS].setdefault(lab_config.path, Collector(lab_config))
    return collector.run(scenario, lambda: session.lab, lambda: session.run(scenario))


def summary(config: pytest.Config, path: Path, session: ScenarioSession) -> list[str]:
    """Lines for the end of the run, `coverage.json` being written beside the results."""
    collector = config.stash[COLLECTORS].get(path)
    if collector is None:
        return []
    from lab.coverage.report import text_report

    written = collector.record.save(session.run_directory)
    try:
        report = text_report(collector.record.coverage())
    except LabError as error:
        report = f"no coverage: {error}"
    return ["coverage:", *(f"  {line}" for line in report.splitlines()), f"  lab coverage {written.parent} --html DIR"]
