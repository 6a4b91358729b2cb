"""One operation of an actor as it stands in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.document import Location
from lab.scenario.values import Report

OPTIONS = {
    "open": ("as", "access", "overlapped"),
    "write": ("handle", "begin"),
    "read": ("handle", "begin"),
    "ioctl": ("handle", "input", "data", "output", "begin"),
    "cancel": (),
    "finish": (),
    "close": (),
    "flush": (),
    "sleep": (),
    "barrier": (),
    "exit": (),
    "crash": (),
    "type": ("await",),
    "await": (),
    "repeat": (),
}
"""Operations, and what may stand beside each of them besides `expect` and `timeout`."""


@dataclass(frozen=True)
class Doing:
    """One operation as it stands in the file, and who does it."""

    value: dict[str, Any]
    where: Location
    id: str
    actor: str
    line: int
    timeout_ms: int
    number: int
    """Running number of the operation in the plan."""

    def at(self, name: str) -> Location:
        return (*self.where, name)


def operation_kind(value: dict[str, Any], where: Location, report: Report) -> str | None:
    """Which operation a mapping means, once it means exactly one and has nothing beside it that does not fit."""
    kinds = [key for key in value if key in OPTIONS and not (key == "await" and "type" in value)]
    if len(kinds) != 1:
        what = "says no operation" if not kinds else f"says {len(kinds)} operations, {' and '.join(kinds)}"
        right = "one of " + ", ".join(OPTIONS) if not kinds else "one to a mapping; several as a list"
        report.add(where, what, right)
        return None
    kind = kinds[0]
    allowed = (*OPTIONS[kind], "expect", "timeout") if kind != "repeat" else ()
    for key in value:
        if key != kind and key not in allowed:
            owners = [name for name, options in OPTIONS.items() if key in options]
            right = f"it goes with {' and '.join(owners)}" if owners else "inside the repeated operations"
            report.add((*where, key), f"does not go with {kind}", right)
    return kind
