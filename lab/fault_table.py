"""`lab explore --faults`: is every fault that can be planted found, by what, and how fast?"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from lab.config import Config, FaultSpec
from lab.errors import Cause
from lab.exploration import Exploration, Wish, claimed_lab
from lab.explore.ticker import Ticker
from lab.running import RunningLab
from lab.scenario.load import load_scenarios
from lab.scenario.session import ScenarioSession

SHRINKING = 30.0
"""Seconds: the table is about finding."""


@dataclass
class Row:
    """One fault."""

    fault: FaultSpec
    missing: str = ""
    """Capabilities that the guest lacks."""
    by_scenario: str = "-"
    by_exploring: str = "not found"
    is_found: bool = False


def table_of_faults(config: Config, wish: Wish) -> int:
    """Plant each fault of lab.yaml (or the one wished for) and print the table.

    0: each that this guest can notice is found; 1: one is not. Raises LabError.
    """
    faults = [fault for name, fault in config.faults.items() if wish.plant in (None, name)]
    lab = claimed_lab(config)
    rows = []
    with Ticker() as ticker:
        for fault in faults:
            row = Row(fault, ", ".join(sorted(fault.requires - lab.capabilities)))
            rows.append(row)
            if row.missing:
                continue
            _run_scenarios(row, config, lab, wish)
            _explore(row, config, lab, wish, ticker)
            ticker.line(f"{fault.name}: {row.by_exploring}")
    for line in ("", *_lines(rows)):
        ticker.line(line)
    return 0 if all(row.is_found or row.missing for row in rows) else 1


def _run_scenarios(row: Row, config: Config, lab: RunningLab, wish: Wish) -> None:
    session = ScenarioSession(lambda: lab, wish.out / "scenarios")
    told = []
    for path in row.fault.found_by:
        for scenario in load_scenarios(path, config):
            begin = time.monotonic()
            verdict = session.run(scenario)
            noticed = verdict.cause is Cause.PASSED
            row.is_found = row.is_found or noticed
            told.append(
                f"{scenario.id}: {'' if noticed else verdict.cause.value + ' '}{time.monotonic() - begin:.1f} s"
            )
    if told:
        row.by_scenario = "; ".join(told)


def _explore(row: Row, config: Config, lab: RunningLab, wish: Wish, ticker: Ticker) -> None:
    own = replace(
        wish,
        plant=row.fault.name,
        driver=row.fault.driver,
        out=wish.out / row.fault.name,
        is_first_enough=True,
        shrinking=SHRINKING,
    )
    exploration = Exploration(config, lab, own, ticker)
    exploration.run()
    for entry in exploration.notebook.entries[:1]:
        finding = entry.finding
        calls = sum(1 for _ in finding.case.calls)
        row.is_found = True
        row.by_exploring = (
            f"{finding.seconds:.1f} s, case {finding.number}: {finding.trouble}; "
            f"{calls} operations after {finding.shrinking:.0f} s more"
        )


def _lines(rows: Iterable[Row]) -> Iterator[str]:
    cells = [("fault", "scenario that finds it", "made-up traffic that finds it")]
    for row in rows:
        if row.missing:
            cells.append((row.fault.name, f"cannot be noticed here: the guest lacks {row.missing}", ""))
        else:
            cells.append((row.fault.name, row.by_scenario, row.by_exploring))
    widths = [max(len(row[column]) for row in cells) for column in (0, 1)]
    for first, second, third in cells:
        yield f"{first:<{widths[0]}}  {second:<{widths[1]}}  {third}".rstrip()
