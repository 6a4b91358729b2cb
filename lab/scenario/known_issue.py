"""A failure that is known and accepted for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from lab.document import Location, suggestion
from lab.errors import Cause

if TYPE_CHECKING:
    from lab.scenario.values import Report

_OF_THE_DRIVER = frozenset({Cause.FAILED, Cause.CRASHED, Cause.HUNG})
"""Endings that a known issue explains; a guest or a lab that is broken it does not."""


@dataclass(frozen=True)
class KnownIssue:
    """Why a scenario does not pass, and until when that is accepted."""

    reason: str
    until: date
    """The last day."""
    line: int

    @property
    def is_over(self) -> bool:
        return date.today() > self.until

    def explains(self, cause: Cause) -> bool:
        """Is such an ending expected today?"""
        return not self.is_over and cause in _OF_THE_DRIVER

    def __str__(self) -> str:
        over = f", over since {self.until}" if self.is_over else f" until {self.until}"
        return f"known issue{over}: {self.reason}"


def known_issue(value: Any, point: Mapping[str, str | int], report: Report) -> KnownIssue | None:
    """The `known_issue` of a scenario at one point of its matrix; None where it is not about that."""
    where: Location = ("known_issue",)
    if value is None:
        return None
    try:
        until = date.fromisoformat(value["until"])
    except ValueError:
        report.add((*where, "until"), f"{value['until']} is no day", "YEAR-MONTH-DAY, as in 2030-01-31")
        return None
    only = value.get("only", {})
    for axis in only:
        if axis not in point:
            right = suggestion(axis, point) if point else "leave `only` out, or add a `matrix:`"
            report.add((*where, "only", axis), "is not an axis of the matrix", right)
    if any(point.get(axis) != wanted for axis, wanted in only.items()):
        return None
    return KnownIssue(value["reason"], until, report.line(where))
