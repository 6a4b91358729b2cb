"""How a stop is answered: the requests to make before the target may run on."""

from __future__ import annotations

from collections.abc import Generator

from lab.kd.context import decode_context
from lab.kd.link import Link
from lab.kd.manipulate import (
    DBG_CONTINUE,
    DBG_EXCEPTION_NOT_HANDLED,
    Manipulate,
    get_context,
    get_version,
    go_on,
    set_context,
)
from lab.kd.state_change import (
    STATUS_BREAKPOINT,
    STATUS_SINGLE_STEP,
    ExceptionChange,
    Machine,
    StateChange,
    control_report,
)

Steps = Generator[Manipulate, Manipulate | None, Manipulate]
"""Yields requests, is sent their replies (None: no reply in time), returns the Continue."""

ANSWERED_WITHIN = 2.0
"""Seconds after which an acknowledged request counts as refused."""
TAKEN_WITHIN = 3.5
"""The same for a request that is not even acknowledged, however often it is sent."""

_INT3 = 0xCC


class Answer:
    """The answer to one stop under way: one request at a time, at last Continue."""

    def __init__(self) -> None:
        self._steps: Steps | None = None
        self._awaited: Manipulate | None = None
        self._taken = False
        self.patience: float | None = None
        """When to do without the reply that is awaited."""

    def begin(self, change: StateChange, machine: Machine, link: Link, now: float) -> Manipulate:
        """The first message to send."""
        self.end()
        self._steps = steps(change, machine, link)
        return self.advance(None, now)

    def advance(self, reply: Manipulate | None, now: float) -> Manipulate:
        """The next message to send; `reply` belongs to the one before, None for none."""
        assert self._steps  # noqa: S101
        try:
            self._awaited = next(self._steps) if self._awaited is None else self._steps.send(reply)
        except StopIteration as last:
            self.end()
            message: Manipulate = last.value
            return message
        self._taken = False
        self.patience = now + TAKEN_WITHIN
        return self._awaited

    def awaits(self, reply: Manipulate) -> bool:
        """Is this the reply?"""
        return self._awaited is not None and self._awaited.api == reply.api

    def taken(self, now: float) -> None:
        """The request was acknowledged."""
        if self._awaited is not None:
            self._taken = True
            self.patience = now + ANSWERED_WITHIN

    def do_without(self, link: Link, now: float) -> Manipulate:
        """The next message to send when no reply came: better a step less than a target that stays stopped."""
        if not self._taken:
            link.abandon()
        return self.advance(None, now)

    def end(self) -> None:
        """It is complete, or void."""
        self._steps = None
        self._awaited = None
        self.patience = None


def steps(change: StateChange, machine: Machine, link: Link) -> Steps:
    """What to send to let the target run on after `change`."""
    if link.doubtful:
        yield from _settle_send_id(link)
    if not isinstance(change, ExceptionChange):
        return go_on(DBG_CONTINUE, change.processor)
    if change.code == STATUS_BREAKPOINT and control_report(change, machine).code[:1] == bytes((_INT3,)):
        # A breakpoint that is part of the code would stop again: the target leaves stepping over it to us.
        reply = yield get_context(change.processor)
        context = decode_context(reply.data) if reply and not reply.failed else None
        mask = 0xFFFFFFFF if machine is Machine.I386 else 0xFFFFFFFFFFFFFFFF
        if context and context.machine is machine and context.program_counter == change.program_counter & mask:
            yield set_context(change.processor, context.with_program_counter(context.program_counter + 1))
    handled = change.code in (STATUS_BREAKPOINT, STATUS_SINGLE_STEP)
    return go_on(DBG_CONTINUE if handled else DBG_EXCEPTION_NOT_HANDLED, change.processor)


def _settle_send_id(link: Link) -> Generator[Manipulate, Manipulate | None, None]:
    """Make sure that the target obeys: it acknowledges a packet with the wrong id but ignores it; the next is right."""
    link.doubtful = False
    if (yield get_version()) is None:
        yield get_version()
