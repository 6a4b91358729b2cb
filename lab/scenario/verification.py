"""`verifier:` and `schedule: fuzzed`: from the file to what Driver Verifier is told."""

from __future__ import annotations

from typing import Any

from lab.document import Location, shown, suggestion
from lab.scenario.matrix import Point
from lab.scenario.model import Isolation
from lab.scenario.schedule import fuzz_seed
from lab.scenario.values import Report
from lab.verifier import FLAGS, OFF, STANDARD, Verifier


def wanted_verifier(data: dict[str, Any], point: Point, seed: int, isolation: Isolation, report: Report) -> Verifier:
    """What the file asks for, under `verifier:` or by an axis of that name, whose values are single words.

    `seed` is what a bare `fuzzed` stands for.
    """
    value = data.get("verifier")
    where: Location = ("verifier",)
    if value is None and "verifier" in point:
        value, where = str(point["verifier"]), ("matrix", "verifier")
        if value in FLAGS:
            value = [value]
        elif value not in (OFF, STANDARD):
            report.add(where, f"{shown(value)} is no check", suggestion(value, [OFF, STANDARD, *FLAGS]))
            value = OFF
    asked = tuple(value) if isinstance(value, list) else value or OFF
    verifier = Verifier(asked, fuzz_seed(data.get("schedule"), seed))
    if verifier != Verifier() and isolation is Isolation.NONE:
        asked_at = ("schedule",) if verifier.asked == OFF else where
        report.add(asked_at, "needs a fresh load of the driver", "leave `isolation: none` out")
    return verifier
