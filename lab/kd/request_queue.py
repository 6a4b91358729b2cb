"""Requests to a stopped target: one at a time, each with the reply that belongs to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from lab.kd.link import Link
from lab.kd.manipulate import CONTINUES, Api, Manipulate
from lab.kd.waiting import settle

ANSWERED_WITHIN = 2.0
"""Seconds after which an acknowledged request counts as refused."""
TAKEN_WITHIN = 3.5
"""The same for a request that is not even acknowledged, however often it is sent."""


class Request:
    """A request that somebody made; `done` gets the reply, or None when there will be none.

    `patient`: whoever made it decides when to give up.
    """

    def __init__(
        self, message: Manipulate, done: Callable[[Manipulate | None], None], *, patient: bool = False
    ) -> None:
        self.message = message
        self.patient = patient
        self._done = done

    def finish(self, reply: Manipulate | None) -> None:
        """Tell whoever made it, once."""
        done, self._done = self._done, _ignore
        done(reply)

    def disown(self) -> None:
        """Nobody wants the reply any more."""
        self._done = _ignore
        self.patient = False


class RequestQueue:
    """What is to be asked. A target would take a second request for a sign that its reply has arrived."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: deque[Request] = deque()
        self._asked: Request | None = None
        self._taken = False
        self._futures: dict[Future[Manipulate], Request] = {}
        self.due: float | None = None
        """When the reply that is awaited counts as not coming."""

    @property
    def ready(self) -> bool:
        """Is there something to be sent, and the target not busy with something else?"""
        return bool(self._waiting) and self._asked is None

    def put(self, request: Request) -> None:
        """Ask when it is its turn."""
        self._waiting.append(request)

    def ask(self, message: Manipulate, future: Future[Manipulate], void: Callable[[], Exception]) -> None:
        """Ask for somebody who waits; `void` makes the error for when there will be no reply."""

        def done(reply: Manipulate | None) -> None:
            self._futures.pop(future, None)
            if reply is None:
                settle(future, error=void())
            else:
                settle(future, result=reply)

        self._futures[future] = Request(message, done, patient=True)
        self.put(self._futures[future])

    def give_up(self, future: Future[Manipulate], now: float) -> None:
        """Who waited does so no more."""
        request = self._futures.pop(future, None)
        if request is not None:
            self.cancel(request, now)

    def take(self, now: float) -> Manipulate:
        """The next message, to be sent now. Only when `ready`."""
        request = self._waiting.popleft()
        if request.message.api not in CONTINUES:
            self._await(request, now)
        return request.message

    def adopt(self, message: Manipulate, now: float) -> None:
        """A message that nobody here made is on its way: the reply is to be swallowed."""
        self._await(Request(message, _ignore), now)

    def cancel(self, request: Request, now: float) -> None:
        """Nobody waits for the reply any more. If it was sent already, the next one waits a while for that reply."""
        request.disown()
        if request is self._asked:
            self.due = now + (ANSWERED_WITHIN if self._taken else TAKEN_WITHIN)
        elif request in self._waiting:
            self._waiting.remove(request)

    def clear(self) -> None:
        """The target runs, or stopped anew: no reply will come."""
        void = [*([self._asked] if self._asked else []), *self._waiting]
        self._waiting.clear()
        self._asked = None
        self.due = None
        for each in void:
            each.finish(None)

    def acknowledged(self, now: float) -> None:
        """The target has the message that was sent last."""
        if self._asked is not None:
            self._taken = True
            if not self._asked.patient:
                self.due = now + ANSWERED_WITHIN

    def reply(self, reply: Manipulate) -> None:
        """The target answers. What nobody asked for is ignored."""
        if self._asked is not None and reply.answers(self._asked.message):
            self._settle(reply)

    @property
    def switching(self) -> bool:
        """Is the next stop the answer to a request to go on with another processor?"""
        return self._asked is not None and self._asked.message.api == Api.SWITCH_PROCESSOR and self._taken

    def switched(self) -> None:
        """It came."""
        if self._asked is not None:
            self._settle(self._asked.message)

    def tick(self, now: float) -> None:
        """Give up a reply that does not come."""
        if self.due is None or now < self.due:
            return
        if not self._taken:
            self._link.abandon()
        self._settle(None)

    def _await(self, request: Request, now: float) -> None:
        self._asked = request
        self._taken = False
        self.due = None if request.patient else now + TAKEN_WITHIN

    def _settle(self, reply: Manipulate | None) -> None:
        asked, self._asked = self._asked, None
        self.due = None
        if asked is not None:
            asked.finish(reply)


def _ignore(_: Manipulate | None) -> None:
    pass
