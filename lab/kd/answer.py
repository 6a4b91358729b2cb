"""What is asked of a stopped target before it is let go, and the message that lets it go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lab.kd import requests, steps
from lab.kd.bugcheck import Bugcheck
from lab.kd.context import decode_context
from lab.kd.debugger_data import read_bugcheck
from lab.kd.inspection import Inspection, inspect
from lab.kd.knowledge import Knowledge
from lab.kd.link import Link
from lab.kd.manipulate import Manipulate
from lab.kd.policy import Policy, Reaction
from lab.kd.requests import DBG_CONTINUE, DBG_EXCEPTION_NOT_HANDLED
from lab.kd.state_change import (
    STATUS_BREAKPOINT,
    STATUS_SINGLE_STEP,
    ExceptionChange,
    StateChange,
    control_report,
    is_user_mode,
)
from lab.kd.steps import Steps, UnansweredError

_INT3 = 0xCC


@dataclass(frozen=True)
class Stop:
    """A stop that nobody holds, and all that its answer depends on."""

    change: StateChange
    knowledge: Knowledge
    link: Link
    policy: Policy
    reaction: Reaction = Reaction.CONTINUE
    unexpected: bool = False
    """Look into it: nobody asked for it."""
    leftovers: frozenset[int] = frozenset()
    """Breakpoints to clear."""
    collected: Callable[[Inspection], None] = field(default=lambda _: None)
    died: Callable[[Bugcheck], bool] = field(default=lambda _: False)
    """Gets what KiBugcheckData says, and says whether that is news."""


@dataclass(frozen=True)
class Outcome:
    """What is to be done with a stop. `message` lets the target go; None: it stays stopped."""

    message: Manipulate | None
    found_bugcheck: bool = False
    """It turned out to be a bugcheck's."""


def answer(stop: Stop) -> Steps[Outcome]:
    """What to ask, and what to do then."""
    reaction, bugcheck = stop.reaction, False
    try:
        if stop.link.doubtful:
            yield from _settle_send_id(stop.link)
        for handle in sorted(stop.leftovers):
            yield from steps.ask(requests.restore_breakpoint(handle))
        if stop.unexpected and isinstance(stop.change, ExceptionChange):
            bugcheck = yield from _look(stop, stop.change)
            reaction = stop.policy.bugcheck if bugcheck else reaction
        if reaction is Reaction.CONTINUE and isinstance(stop.change, ExceptionChange):
            yield from _step_over_int3(stop.change, stop.knowledge)
    except UnansweredError:
        pass  # better a step less than a target that stays stopped
    message = requests.go_on(continue_status(stop.change), stop.change.processor)
    return Outcome(message if reaction is Reaction.CONTINUE else None, bugcheck)


def continue_status(change: StateChange) -> int:
    """Breakpoints and steps are ours; all other exceptions, and those of programs, are for the target to deal with."""
    handled = not isinstance(change, ExceptionChange) or (
        change.code in (STATUS_BREAKPOINT, STATUS_SINGLE_STEP) and not is_user_mode(change)
    )
    return DBG_CONTINUE if handled else DBG_EXCEPTION_NOT_HANDLED


def stands_on_int3(change: ExceptionChange, knowledge: Knowledge) -> bool:
    """Did a breakpoint that is part of the code stop it? The code in the report has no debugger's breakpoints."""
    return change.code == STATUS_BREAKPOINT and control_report(change, knowledge.machine).code[:1] == bytes((_INT3,))


def _step_over_int3(change: ExceptionChange, knowledge: Knowledge) -> Steps[None]:
    """A breakpoint that is part of the code would stop again: the target leaves stepping over it to us."""
    if not stands_on_int3(change, knowledge) or is_user_mode(change):
        return
    reply = yield from steps.ask(requests.get_context(change.processor))
    context = None if reply.failed else decode_context(reply.data, knowledge.told)
    if context is not None and context.stands_at(change.program_counter):
        after = context.with_program_counter(context.program_counter + 1)
        yield from steps.ask(requests.set_context(change.processor, after))


def _look(stop: Stop, change: ExceptionChange) -> Steps[bool]:
    """Collect what the policy wants. Returns whether it turns out to be a bugcheck's stop."""
    first = stop.knowledge.is_first_at(change.code, change.program_counter)
    if stop.policy.collect and first:
        yield from stop.knowledge.ask_version()
        stop.collected((yield from inspect(change, stop.knowledge, stop.policy)))
    if change.code == STATUS_BREAKPOINT:
        data = (yield from stop.knowledge.ask_debugger_data()) if first else stop.knowledge.debugger_data
        if data is not None and data.is_stop(change.program_counter):
            bugcheck = yield from read_bugcheck(data, stop.knowledge.machine)
            if bugcheck is not None:
                return stop.died(bugcheck)
    return False


def _settle_send_id(link: Link) -> Steps[None]:
    """Make sure that the target obeys: it acknowledges a packet with the wrong id but ignores it; the next is right."""
    link.doubtful = False
    if (yield requests.get_version()) is None:
        yield requests.get_version()
