"""Why a target stopped: it was asked to, it hit a breakpoint, it died, or something else."""

from __future__ import annotations

from typing import Any

from lab.kd.bugcheck import BugcheckFinder
from lab.kd.events import BugcheckEvent, KdEvent, NoteEvent
from lab.kd.policy import Policy, Reaction
from lab.kd.state_change import STATUS_BREAKPOINT, STATUS_SINGLE_STEP, ExceptionChange

BREAK_IN = "break-in"
BREAKPOINT = "breakpoint"
EXCEPTION = "exception"
BUGCHECK = "bugcheck"


class StopReasons:
    """Remembers what came before a stop."""

    def __init__(self, bugcheck_stops: int) -> None:
        self._limit = bugcheck_stops
        self._finder = BugcheckFinder()
        self._break_in_address: int | None = None
        self._died = False
        self._bugcheck_address: int | None = None
        self._repeats = 0

    def printed(self, text: str, processor: int) -> list[KdEvent]:
        """Look for a bugcheck in what the target prints."""
        bugcheck, driver = self._finder.feed(text)
        if bugcheck is not None:
            self._died = True
            self._repeats = 0
            return [
                BugcheckEvent(processor=processor, code=bugcheck.code, parameters=bugcheck.parameters, driver=driver)
            ]
        return [NoteEvent(text=f"driver at fault: {driver}")] if driver else []

    def of(self, change: ExceptionChange, asked: bool, policy: Policy) -> tuple[str, Reaction]:
        """The reason of a stop, and what the policy says to do. `asked`: a break-in is not answered yet."""
        here = change.program_counter
        if change.code == STATUS_BREAKPOINT:
            if self._died:
                self._died = False
                self._bugcheck_address = here
                return self._bugcheck(policy)
            if asked and self._break_in_address in (None, here):
                self._break_in_address = here
                return BREAK_IN, Reaction.CONTINUE
            if here == self._bugcheck_address:
                return self._bugcheck(policy)
        if change.code in (STATUS_BREAKPOINT, STATUS_SINGLE_STEP):
            return BREAKPOINT, policy.breakpoint
        return EXCEPTION, policy.exception

    def forget(self) -> None:
        """The target restarted."""
        self._finder.reset()
        self._break_in_address = None
        self._died = False
        self._bugcheck_address = None
        self._repeats = 0

    def to_json(self) -> dict[str, Any]:
        """Part of the link's state in a snapshot."""
        return {"tail": self._finder.tail, "break_in": self._break_in_address, "died": self._died}

    def restore(self, data: dict[str, Any]) -> None:
        """Go back to what `to_json` gave."""
        self.forget()
        self._finder.reset(str(data.get("tail", "")))
        self._break_in_address = data.get("break_in")
        self._died = bool(data.get("died"))

    def _bugcheck(self, policy: Policy) -> tuple[str, Reaction]:
        self._repeats += 1
        if self._repeats >= self._limit:
            return BUGCHECK, Reaction.HOLD
        return BUGCHECK, policy.bugcheck
