"""Stopping a target that runs, or one of which nothing is known."""

from __future__ import annotations

from concurrent.futures import Future

from lab.kd.events import StopEvent
from lab.kd.link import Link

PATIENCE = 2.0
"""Seconds for the target to answer."""
LATE = 30.0
"""A break-in that was not answered for so long will not be answered any more."""

Waiter = Future[StopEvent | None]


class BreakIn:
    """Break-ins that somebody waits for: the byte, and when nothing comes, RESET and the byte in turn.

    RESET is for a target that is stopped already, which ignores the byte but repeats its stop.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Waiter, bool]] = []
        self._next: float | None = None
        self._attempts = 0
        self._attached = False
        self._unanswered = 0
        self._last_sent = 0.0

    @property
    def due(self) -> float | None:
        """When the next byte or RESET is to be sent."""
        return self._next

    @property
    def wants_hold(self) -> bool:
        """Does anybody want the target to stay stopped?"""
        return any(hold for _, hold in self._waiting)

    def expects_stop(self, now: float) -> bool:
        """May the target still stop because we asked it to?"""
        return self._unanswered > 0 and now - self._last_sent < LATE

    def ask(self, waiter: Waiter, now: float, *, hold: bool, attached: bool) -> None:
        """Somebody wants a stop. `attached`: the target is known to run."""
        self._waiting.append((waiter, hold))
        if self._next is None:
            self._next = now
            self._attempts = 0
            self._attached = attached

    def cancel(self, waiter: Waiter) -> None:
        """Nobody waits any more."""
        self._waiting = [each for each in self._waiting if each[0] is not waiter]
        if not self._waiting:
            self._next = None

    def take(self) -> list[Waiter]:
        """All who wait; they are the caller's now."""
        waiting = [waiter for waiter, _ in self._waiting]
        self._waiting = []
        self._next = None
        return waiting

    def stopped(self, *, was_break_in: bool, held: bool) -> list[Waiter]:
        """The target has stopped on an exception; those who have what they wanted.

        Another stop that goes on at once is not what was asked for: the answer comes behind it.
        """
        if was_break_in:
            self._unanswered -= 1
        return self.take() if was_break_in or held else []

    def restart(self, now: float) -> None:
        """The target went back in time: what it was asked before never happened."""
        self._unanswered = 0
        if self._waiting:
            self._next = now
            self._attempts = 0

    def drive(self, link: Link, now: float, *, stopped: bool) -> None:
        """Send what is due. A target that is stopped is being answered: it gets the byte when it runs."""
        if self._next is None or stopped or now < self._next:
            return
        # A target that we know to run has a second chance: RESET makes it begin its streams anew.
        recovering = self._attempts % 2 == (0 if self._attached else 1) and self._attempts > 0
        if recovering:
            link.send_reset()
        else:
            link.send_break_in()
            self._unanswered += 1
            self._last_sent = now
        self._attempts += 1
        self._next = now + PATIENCE
