"""Who has the say over a target's stops, when it is not the policy."""

from __future__ import annotations

import logging
from collections.abc import Callable

from lab.errors import UsageError
from lab.kd import requests
from lab.kd.debug_io import GetString
from lab.kd.manipulate import Api, Manipulate
from lab.kd.owner import Owner
from lab.kd.policy import Reaction
from lab.kd.request_queue import Request

logger = logging.getLogger(__name__)


class Ownership:
    """The owner, if there is one, and what it has begun."""

    def __init__(self) -> None:
        self.owner: Owner | None = None
        self.holds = False
        """The current stop is the owner's: it decides when the target runs on."""
        self.otherwise = Reaction.CONTINUE
        """What becomes of the current stop when the owner leaves."""
        self.prompt: GetString | None = None
        """A prompt that the owner is to answer."""
        self._breakpoints: set[int] = set()
        self._requests: list[Request] = []

    @property
    def breakpoints(self) -> frozenset[int]:
        """Handles of those that the owner has set."""
        return frozenset(self._breakpoints)

    def attach(self, owner: Owner) -> None:
        """Raises UsageError when there is one already."""
        if self.owner is not None:
            raise UsageError("another debugger is attached already", "end that one first")
        self.owner = owner

    def leave(self) -> list[Request]:
        """The owner goes; what it had asked and not been told."""
        pending, self._requests = self._requests, []
        self._breakpoints = set()
        self.owner = None
        self.holds = False
        self.prompt = None
        return pending

    def take_stop(self, payload: bytes) -> None:
        """The stop is the owner's."""
        self.holds = True
        if self.owner is not None:
            self._tell(self.owner.stopped, payload)

    def lose(self, *, restarted: bool) -> None:
        """What the owner has begun is void. `restarted`: its breakpoints are, too."""
        self.holds = False
        self.prompt = None
        self._requests.clear()
        if restarted:
            self._breakpoints.clear()
        if self.owner is not None:
            self._tell(self.owner.lost)

    def request(self, message: Manipulate) -> Request:
        """A request of the owner's, whose reply goes to it."""
        request = Request(message, lambda reply: self._replied(request, reply))
        self._requests.append(request)
        return request

    def printed(self, payload: bytes) -> None:
        """A print, for the owner too."""
        if self.owner is not None:
            self._tell(self.owner.printed, payload)

    def ask(self, prompt: GetString, payload: bytes) -> bool:
        """Let the owner answer a prompt; False when there is no owner."""
        if self.owner is None:
            return False
        self.prompt = prompt
        self._tell(self.owner.prompted, payload)
        return True

    def _replied(self, request: Request, reply: Manipulate | None) -> None:
        if request in self._requests:
            self._requests.remove(request)
        if reply is None or self.owner is None or reply.api == Api.SWITCH_PROCESSOR:
            return
        if reply.api == Api.WRITE_BREAKPOINT and not reply.failed:
            self._breakpoints.add(requests.breakpoint_handle(reply))
        elif reply.api == Api.RESTORE_BREAKPOINT:
            self._breakpoints.discard(int.from_bytes(reply.union[:4], "little"))
        self._tell(self.owner.replied, reply.encode())

    def _tell(self, tell: Callable[..., None], *payload: bytes) -> None:
        """Call the owner. One that fails must not take the link with it."""
        try:
            tell(*payload)
        except Exception:
            logger.exception("the attached debugger failed")
