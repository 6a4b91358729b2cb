"""The `expect: {crash: ...}` of a scenario: the bugcheck that it has to end in."""

from __future__ import annotations

from typing import Any

from lab.crash.bugchecks import explain, known_codes
from lab.document import Location, shown, suggestion
from lab.scenario.model import ExpectedCrash
from lab.scenario.values import Report

_WHERE: Location = ("expect", "crash")


def expected_crash(value: dict[str, Any] | None, report: Report) -> ExpectedCrash | None:
    """None where nothing may crash."""
    if value is None:
        return None
    return ExpectedCrash(
        _code(value["code"], report),
        tuple(value.get("parameters", [])),
        value.get("module"),
        value.get("function"),
        report.line(_WHERE),
    )


def _code(value: str | int, report: Report) -> int:
    if isinstance(value, int):
        return value
    codes = bugcheck_codes()
    if value not in codes:
        near = suggestion(value, codes)
        right = near if near.startswith("did") else "a name of the bug check code reference, or the number"
        report.add((*_WHERE, "code"), f"{shown(value)} is not a known bugcheck", right)
    return codes.get(value, 0)


def bugcheck_codes() -> dict[str, int]:
    """The codes that have a name here."""
    return {explain(code, ()).name: code for code in known_codes()}
