"""Requests that a process has begun and not finished: what `begin`, `cancel` and `finish` of a plan refer to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lab.document import Location, shown, suggestion
from lab.scenario.model import SUCCESS, Expected, Step
from lab.scenario.values import Report
from lab.traffic.win32 import ERRORS

BEGUN = SUCCESS | {ERRORS["ERROR_IO_PENDING"]}
"""What beginning a request gives: it may be done at once."""


@dataclass
class _Request:
    begun: Step
    line: int
    under_way: bool = True


class Requests:
    """Follows the requests of all actors through the plan."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._known: dict[str, dict[str, _Request]] = {}
        self._overlapped: set[tuple[str, str]] = set()

    def opened(self, actor: str, handle: str, *, overlapped: bool) -> None:
        """Whether requests can be begun on this handle."""
        (self._overlapped.add if overlapped else self._overlapped.discard)((actor, handle))

    def begin(self, step: Step, where: Location) -> Step:
        """The step that begins a request: done at once or pending, both are success unless the file says which."""
        if (step.actor, step.handle) not in self._overlapped:
            what = f"needs an overlapped handle, {shown(step.handle)} is none"
            self._report.follow(where, what, "`overlapped: true` beside its open")
        own = self._known.setdefault(step.actor, {})
        before = own.get(step.request)
        if before is not None and before.under_way:
            what = f"{shown(step.request)} is under way since line {before.line}"
            self._report.follow(where, what, "finish it first, or another name")
        own[step.request] = _Request(step, self._report.line(where))
        errors = BEGUN if step.expected.errors == SUCCESS else step.expected.errors
        return replace(step, expected=Expected(errors=errors))

    def begun(self, actor: str, name: str, where: Location, *, ends: bool = False) -> Step | None:
        """The step that began a request that is under way; `ends`: it is not from here on."""
        own = self._known.get(actor, {})
        request = own.get(name)
        if request is None or not request.under_way:
            names = [other for other, each in own.items() if each.under_way]
            right = suggestion(name, names) if names else "`begin:` beside a write, read or ioctl before this"
            self._report.follow(where, f"{shown(actor)} has no request {shown(name)} under way", right)
            return None
        request.under_way = not ends
        return request.begun
