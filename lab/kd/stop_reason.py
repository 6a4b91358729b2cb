"""Why a target stopped: it was asked to, it hit a breakpoint, it died, or something else."""

from __future__ import annotations

from typing import Any

from lab.kd.bugcheck import Bugcheck, BugcheckFinder
from lab.kd.events import BugcheckEvent, KdEvent, NoteEvent
from lab.kd.policy import Policy, Reaction
from lab.kd.state_change import STATUS_BREAKPOINT, STATUS_SINGLE_STEP, ExceptionChange, is_user_mode

BREAK_IN = "break-in"
BREAKPOINT = "breakpoint"
EXCEPTION = "exception"
BUGCHECK = "bugcheck"
_BREAKPOINTS = 4096
"""Remembered places of breakpoints."""


class StopReasons:
    """Remembers what came before a stop."""

    def __init__(self) -> None:
        self._finder = BugcheckFinder()
        self._break_in_address: int | None = None
        self._died = False
        self._bugcheck_address: int | None = None
        self._repeats = 0
        self._told: Bugcheck | None = None
        self._breakpoints: set[int] = set()
        self._compared = False
        """Was it compared with what the kernel's memory says?"""

    def printed(self, text: str, processor: int) -> list[KdEvent]:
        """Look for a bugcheck in what the target prints."""
        bugcheck, driver = self._finder.feed(text)
        if bugcheck is not None:
            self._died = True
            self._repeats = 0
            self._told = bugcheck
            return [
                BugcheckEvent(processor=processor, code=bugcheck.code, parameters=bugcheck.parameters, driver=driver)
            ]
        return [NoteEvent(text=f"driver at fault: {driver}")] if driver else []

    def breakpoint_set(self, address: int) -> None:
        """The target was given a breakpoint there."""
        if len(self._breakpoints) < _BREAKPOINTS:
            self._breakpoints.add(address)

    def of(self, change: ExceptionChange, asked: bool, policy: Policy, *, own_int3: bool) -> tuple[str, Reaction]:
        """The reason of a stop, and what the policy says to do.

        `asked`: a break-in is not answered yet. `own_int3`: a breakpoint instruction of the code itself is there.
        """
        here = change.program_counter
        if is_user_mode(change):
            return (BREAKPOINT if change.code == STATUS_BREAKPOINT else EXCEPTION), policy.user_exception
        if change.code == STATUS_BREAKPOINT:
            if self._died:
                self._died = False
                self._bugcheck_address = here
                return self._bugcheck(policy)
            # A kernel breaks in at one place, with an instruction of its own; other targets wherever they are.
            elsewhere = not own_int3 and here not in self._breakpoints
            if asked and (self._break_in_address in (None, here) or elsewhere):
                self._break_in_address = here
                return BREAK_IN, Reaction.CONTINUE
            if here == self._bugcheck_address:
                return self._bugcheck(policy)
        if change.code in (STATUS_BREAKPOINT, STATUS_SINGLE_STEP):
            return BREAKPOINT, policy.breakpoint
        return EXCEPTION, policy.exception

    @property
    def knows_bugcheck(self) -> bool:
        """Was the stop code told since the target booted?"""
        return self._told is not None

    def found(self, bugcheck: Bugcheck, change: ExceptionChange) -> list[KdEvent]:
        """A stop turns out to be a bugcheck's: its memory tells the code. The text may have told it before."""
        told, self._told = self._told, bugcheck
        compared, self._compared = self._compared, True
        if compared:
            return []
        if told is None:
            self._bugcheck_address = change.program_counter
            self._repeats = 1
            return [
                BugcheckEvent(
                    processor=change.processor,
                    code=bugcheck.code,
                    parameters=bugcheck.parameters,
                    driver=None,
                    source="memory",
                )
            ]
        if told == bugcheck:
            return [NoteEvent(text="KiBugcheckData says the same as the bugcheck's text")]
        parameters = ", ".join(f"{each:#x}" for each in bugcheck.parameters)
        return [NoteEvent(text=f"KiBugcheckData says otherwise: bugcheck {bugcheck.code:#x} ({parameters})")]

    def forget(self) -> None:
        """The target restarted."""
        self._finder.reset()
        self._break_in_address = None
        self._died = False
        self._bugcheck_address = None
        self._repeats = 0
        self._told = None
        self._compared = False
        self._breakpoints.clear()

    def to_json(self) -> dict[str, Any]:
        """Part of the link's state in a snapshot."""
        return {
            "tail": self._finder.tail,
            "break_in": self._break_in_address,
            "died": self._died,
            "bugcheck": self._bugcheck_address,
            "repeats": self._repeats,
        }

    def restore(self, data: dict[str, Any]) -> None:
        """Go back to what `to_json` gave."""
        self.forget()
        self._finder.reset(str(data.get("tail", "")))
        self._break_in_address = data.get("break_in")
        self._died = bool(data.get("died"))
        self._bugcheck_address = data.get("bugcheck")
        self._repeats = int(data.get("repeats", 0))

    def _bugcheck(self, policy: Policy) -> tuple[str, Reaction]:
        self._repeats += 1
        if self._repeats >= policy.bugcheck_stops:
            return BUGCHECK, Reaction.HOLD
        return BUGCHECK, policy.bugcheck
