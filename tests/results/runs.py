"""Runs as the store gets them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.report.run_record import Outcome, RunRecord

DAY = 86400.0
NOW = 1_900_000_000.0
CAUSES = ("passed",) * 94 + ("failed", "failed", "crashed", "hung", "skipped", "infrastructure")


def outcome(scenario: str, cause: str = "passed", **more: Any) -> Outcome:
    standard: dict[str, Any] = {"driver": "direct", "driver_hash": "d1", "guest": "wine", "image": "i1", "seconds": 1.5}
    return Outcome(scenario, cause, **(standard | more))


def run(day: float, *outcomes: Outcome, **more: Any) -> RunRecord:
    """A run so many days ago."""
    began = NOW - day * DAY
    fields: dict[str, Any] = {
        "id": f"{began}",
        "name": f"run-{day}",
        "ended": began + 60,
        "directory": Path("/nowhere"),
    }
    return RunRecord(began=began, outcomes=outcomes, **(fields | more))


def many_runs(days: int, each: int, scenarios: int) -> Iterator[RunRecord]:
    """A run a day, with `each` results of `scenarios` points of scenarios, some of them bad; builds change weekly."""
    dice = random.Random(7)  # noqa: S311
    for day in range(days, 0, -1):
        made = []
        for number in range(each):
            cause = dice.choice(CAUSES)
            signature = f"{dice.randrange(40):08x}" if cause == "crashed" else ""
            made.append(
                outcome(
                    f"scenario-{number % scenarios}",
                    cause,
                    reason="because" * (cause != "passed"),
                    driver=f"driver-{number % scenarios % 3}",
                    driver_hash=f"{day // 7}",
                    verifier=("off", "standard")[number % scenarios % 2],
                    signature=signature,
                    signature_text=signature and f"BAD_POOL {signature}",
                    began=NOW - day * DAY + number,
                    seconds=dice.random() * 3,
                )
            )
        yield run(day, *made)
