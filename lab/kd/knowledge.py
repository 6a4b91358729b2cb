"""What is known of a target since it booted."""

from __future__ import annotations

from lab.kd import requests, state_change, steps
from lab.kd.debugger_data import DebuggerData, read_debugger_data
from lab.kd.state_change import Machine, StateChange
from lab.kd.steps import Steps
from lab.kd.version import Version, decode_version

_PLACES = 64
"""Remembered places of stops."""


class Knowledge:
    """Architecture, version and addresses of one boot."""

    def __init__(self, told: Machine | None = None) -> None:
        self.told = told
        """The architecture, from the version reply or from a snapshot; None when there was neither."""
        self._guess = Machine.AMD64
        self._version: Version | None = None
        self.debugger_data: DebuggerData | None = None
        """None as long as nobody asked, or the target did not tell."""
        self._places: set[tuple[int, int]] = set()

    @property
    def machine(self) -> Machine:
        """The architecture; until the target tells it, guessed from addresses."""
        return self.told or self._guess

    def saw(self, change: StateChange) -> None:
        """Learn from a stop."""
        self._guess = state_change.guess_machine(change)

    def learn(self, version: Version) -> None:
        """Learn from a version reply."""
        self._version = version
        self.told = version.machine or self.told

    def is_first_at(self, code: int, address: int) -> bool:
        """Is this the first stop of its kind there? After very many places: no, since they are not remembered."""
        if (code, address) in self._places or len(self._places) >= _PLACES:
            return False
        self._places.add((code, address))
        return True

    def ask_version(self) -> Steps[Version | None]:
        """The version, asked until it is told. None when the target does not tell. Raises UnansweredError."""
        if self._version is None:
            reply = yield from steps.ask(requests.get_version())
            if not reply.failed:
                self.learn(decode_version(reply))
        return self._version

    def ask_debugger_data(self) -> Steps[DebuggerData | None]:
        """The kernel's addresses, asked until they are told. Raises UnansweredError."""
        if self.debugger_data is None:
            version = yield from self.ask_version()
            self.debugger_data = (yield from read_debugger_data(version)) if version else None
        return self.debugger_data
