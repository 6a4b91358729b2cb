"""A crash as a scenario sees it: what was told of it, what was made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab.crash.report import CrashReport
from lab.errors import Cause
from lab.incidents import Incident, Kind

_TELLING = (Kind.BUGCHECK, Kind.HOST_DEATH, Kind.EXCEPTION, Kind.PANIC, Kind.BUGCHECK_STOP)
"""Whose words say most, first."""


@dataclass(frozen=True)
class Part:
    """A piece of evidence that was to be secured."""

    what: str
    """`report`, `dump`."""
    seconds: float
    """Since the first sign of the crash."""
    file: str = ""
    """In the scenario's directory."""
    failure: str = ""
    """Why there is none."""

    def to_json(self) -> dict[str, Any]:
        found = {"file": self.file} if self.file else {"failure": self.failure}
        return {"what": self.what, "seconds": round(self.seconds, 3), **found}


@dataclass(frozen=True)
class CrashSeen:
    """A crash, at first with the words of whoever told it; later with a report and a dump."""

    text: str
    code: int | None = None
    """Stop code; None when nobody told it."""
    parameters: tuple[int, ...] = ()
    report: CrashReport | None = None
    parts: tuple[Part, ...] = ()

    def __str__(self) -> str:
        return self.text

    @property
    def reason(self) -> str:
        """One line: the report's headline where there is one, and the stop code with its parameters."""
        if self.report is None or self.report.fault is None:
            return self.text
        return f"{self.report.headline}: {self.text}"


def crash_of(incidents: Sequence[Incident]) -> CrashSeen | None:
    """The crash that the incidents tell of; None when they tell of none."""
    signs = [each for each in incidents if each.cause is Cause.CRASHED]
    if not signs:
        return None
    telling = min(signs, key=lambda each: _TELLING.index(each.kind))
    if telling.kind not in (Kind.BUGCHECK, Kind.HOST_DEATH):
        return CrashSeen(telling.text)
    return CrashSeen(telling.text, telling.extras["code"], tuple(telling.extras["parameters"]))


@dataclass(frozen=True)
class HangSeen:
    """A guest that hung, as the debugger saw it."""

    report: CrashReport | None = None
    """None when it could not be stopped."""
    parts: tuple[Part, ...] = ()
