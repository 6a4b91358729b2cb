"""Compares the crash that was seen with the one that a scenario has to end in."""

from __future__ import annotations

from lab.crash.call import Call
from lab.crash.seen import CrashSeen
from lab.scenario.model import ExpectedCrash
from lab.scenario.verdict import Failure


def judge_crash(wanted: ExpectedCrash, seen: CrashSeen | None) -> list[Failure]:
    """Where the crash is not the wanted one; of what the report does not tell, nothing can hold."""
    if seen is None:
        return [_failure(wanted, str(wanted), "no crash")]
    code, parameters = seen.code, seen.parameters
    if code is None or not wanted.holds(code, parameters):
        got = seen.text if code is None else str(ExpectedCrash(code, parameters))
        return [_failure(wanted, str(wanted), got)]
    culprit = seen.report.culprit if seen.report else None
    return [
        _failure(wanted, f"{wanted} in {what} {name}", _name(culprit))
        for what, name, got in (
            ("module", wanted.module, culprit.module if culprit else ""),
            ("function", wanted.function, culprit.function if culprit else ""),
        )
        if name is not None and name.lower() != got.lower()
    ]


def _failure(wanted: ExpectedCrash, expected: str, got: str) -> Failure:
    return Failure("", wanted.line, "the end of the guest", expected, got)


def _name(culprit: Call | None) -> str:
    return str(culprit) if culprit else "no driver's code is known to be on the stack"
