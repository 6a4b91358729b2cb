"""Somebody who looks into crashes: the target waits for it, and goes on when it has seen enough."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from lab.kd import requests
from lab.kd.events import StopEvent
from lab.kd.kd_state import KdState
from lab.kd.manipulate import Manipulate
from lab.kd.policy import Policy, Reaction

from .target import Target, exception_message, print_message
from .test_owner import Recorder
from .wire import Wire

CODE = 0xFFFFF80000004321
CRASH = exception_message(0xC0000005, CODE)


def visited(policy: Policy | None = None, *, wants: bool = True) -> tuple[Wire, list[StopEvent]]:
    """A target that runs, then crashes; whoever looks into crashes has been asked."""
    wire = Wire(Target([print_message(b"boot\n")]), policy=policy)
    assert wire.run(5.0, lambda: wire.target.idle)
    stops: list[StopEvent] = []

    def visitor(stop: StopEvent) -> bool:
        stops.append(stop)
        return wants

    wire.session.run.visitor = visitor
    wire.target.script.extend([CRASH, print_message(b"on\n")])
    wire.run(5.0)
    return wire, stops


def test_the_target_waits_until_the_visit_ends() -> None:
    wire, stops = visited()
    assert (wire.session.run.state, wire.session.run.is_visited) == (KdState.STOPPED, True)
    assert wire.target.continues == 0
    reply: Future[Manipulate] = Future()
    wire.session.run.request(requests.get_version(), reply)
    assert wire.run(5.0, reply.done)
    assert stops[0].reaction == "continue"
    wire.session.run.end_visit(stops[0], wire.now)
    assert wire.run(5.0, lambda: wire.target.idle)
    assert wire.target.continues == 1
    assert wire.printed == b"boot\non\n"


def test_a_visitor_that_is_not_interested_costs_nothing() -> None:
    wire, stops = visited(wants=False)
    assert len(stops) == 1
    assert wire.target.continues == 1


def test_a_stop_that_is_held_for_a_human_is_not_visited() -> None:
    wire, stops = visited(Policy(exception=Reaction.HOLD))
    assert stops == []
    assert wire.session.run.held


def test_a_visit_that_is_ended_twice_or_late_changes_nothing() -> None:
    wire, stops = visited()
    for _ in range(2):
        wire.session.run.end_visit(stops[0], wire.now)
        assert wire.run(5.0, lambda: wire.target.idle)
    assert wire.target.continues == 1


def test_a_debugger_that_attaches_meanwhile_keeps_the_stop() -> None:
    wire, stops = visited()
    owner = Recorder()
    wire.session.run.attach(owner, wire.now)
    wire.session.run.end_visit(stops[0], wire.now)
    wire.run(5.0)
    assert wire.target.continues == 0
    assert owner.payloads("stopped") == [CRASH[1]]
    wire.session.run.relay(requests.go_on().encode(), wire.now)
    assert wire.run(5.0, lambda: wire.target.idle)


@pytest.mark.parametrize("hold", [False, True])
def test_who_wants_to_break_in_meanwhile_waits_for_the_end_of_the_visit(hold: bool) -> None:
    wire, stops = visited()
    future: Future[StopEvent | None] = Future()
    wire.session.run.ask_break_in(future, wire.now, hold=hold)
    wire.run(3.0)
    assert not future.done()
    wire.session.run.end_visit(stops[0], wire.now)
    wire.run(1.0, lambda: wire.target.continues > 0)
    assert wire.target.continues == 1


def test_a_snapshot_that_is_taken_during_a_visit_goes_on_by_itself() -> None:
    wire, _ = visited()
    assert wire.session.run.to_json()["held"] is None
