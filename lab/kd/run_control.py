"""Running and stopping a target: what is done with each stop, and who may keep it. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from lab.errors import InfrastructureError, UsageError
from lab.kd import manipulate, state_change
from lab.kd.answer import Outcome
from lab.kd.answering import Answering
from lab.kd.break_in import BreakIn
from lab.kd.debug_io import GetString
from lab.kd.events import KdEvent, NoteEvent, StopEvent, notification
from lab.kd.kd_state import KdState
from lab.kd.link import Acknowledged, Link
from lab.kd.manipulate import CONTINUES, Api, Manipulate
from lab.kd.owner import Owner
from lab.kd.ownership import Ownership
from lab.kd.policy import Policy, Reaction
from lab.kd.request_queue import Request, RequestQueue
from lab.kd.state_change import ExceptionChange, StateChange
from lab.kd.stop_reason import BREAK_IN, BUGCHECK
from lab.kd.version import decode_version
from lab.kd.waiting import completes, settle

Visitor = Callable[[StopEvent], bool]
"""Gets each stop that would go on at once; True: it wants to look into it first, and says when it has."""


class RunControl:
    """The stops of one target. At most one is current; only while there is one, requests are sent."""

    def __init__(self, link: Link, policy: Policy, emit: Callable[[KdEvent], None]) -> None:
        self.state = KdState.UNKNOWN
        self.stop: StateChange | None = None
        self.event: StopEvent | None = None
        """The current stop, if it is an exception."""
        self.held = False
        self.visitor: Visitor | None = None
        self.boots = 0
        """How often the target restarted, or went back to a snapshot."""
        self.break_in = BreakIn()
        self.ownership = Ownership()
        self._link = link
        self._emit = emit
        self._requests = RequestQueue(link)
        self.answering = Answering(link, self._requests, policy, emit)
        self._resuming: list[Future[None]] = []
        self._holders: set[Future[StopEvent | None]] = set()
        """Those for whom alone the target is held."""
        self._visit: StopEvent | None = None
        """The stop that is held for the visitor alone."""
        self._continuing: StateChange | None = None
        self._told: bytes | None = None
        """The stop that was current when RESET made us forget it: it is no news when it is repeated."""
        self._notified: bytes | None = None
        """The newest message, when it was a notification: if our Continue was not obeyed, RESET brings it again."""
        self._gone: Callable[[], Exception] | None = None

    # --- time and sending ---

    @property
    def due(self) -> float | None:
        """When `work` wants to be called next."""
        times = [self._requests.due, self.break_in.due if self._runs else None]
        return min((each for each in times if each is not None), default=None)

    def work(self, now: float) -> None:
        """Do what is due."""
        self._requests.tick(now)
        self.break_in.drive(self._link, now, stopped=not self._runs)

    def next_message(self, now: float) -> bytes | None:
        """The STATE_MANIPULATE to be sent now, if there is one."""
        if self.state is not KdState.STOPPED or not self._requests.ready:
            return None
        message = self._requests.take(now)
        if message.api in CONTINUES:
            self._continuing = self.stop
        return message.encode()

    @property
    def _runs(self) -> bool:
        """It may run: it does, or our Continue was sent more than once, and its acknowledgement may be lost."""
        unheard = self._continuing is not None and self._link.transmissions > 1
        return self.state is not KdState.STOPPED or unheard

    # --- commands ---

    def ask_break_in(self, future: Future[StopEvent | None], now: float, *, hold: bool) -> None:
        """Stop the target. The future gets the stop; with `hold` off the target runs on before it is set."""
        if self.state is KdState.STOPPED and self.held and not self.is_visited:
            if hold and self._holders:
                self._holders.add(future)
            future.set_result(self.event)
        else:
            self.break_in.ask(future, now, hold=hold, attached=self.state is not KdState.UNKNOWN)

    def give_up_break_in(self, future: Future[StopEvent | None], now: float) -> None:
        """Who asked waits no more. If the target has stopped for nobody else meanwhile, it runs on."""
        self.break_in.cancel(future)
        if future in self._holders:
            self._holders.remove(future)
            if not self._holders and not self.ownership.holds:
                self.resume(Future(), now)

    def resume(self, future: Future[None], now: float, message: Manipulate | None = None) -> None:
        """Let a held target run, with `message` if given. The future is set when it does; at once when it runs."""
        if self.state is not KdState.STOPPED or self.stop is None:
            future.set_result(None)
            return
        self._resuming.append(future)
        if not self.held:
            return
        self.answering.end(now)
        self._holders.clear()
        self._visit = None
        self.held = self.ownership.holds = False
        if message is None:
            self._begin_answer(now)
        else:
            self._send(message)

    @property
    def is_visited(self) -> bool:
        """Is it held for the visitor alone, and will go on by itself?"""
        return self._visit is not None

    def end_visit(self, stop: StopEvent, now: float) -> None:
        """The visitor has seen enough of `stop`: it goes on by policy. Nothing when that stop is over."""
        if self._visit is stop and self.state is KdState.STOPPED:
            self.held, self._visit = False, None
            self._begin_answer(now, unexpected=not state_change.is_user_mode(stop.change))

    def request(self, message: Manipulate, future: Future[Manipulate]) -> None:
        """Ask a held target. The future gets the reply, or UsageError when the target is not held."""
        if self.state is not KdState.STOPPED or not self.held:
            future.set_exception(UsageError("the target is running", "break in first: requests need a stopped target"))
        else:
            self._requests.ask(message, future, self._void)

    def forget(self, future: Future[Manipulate], now: float) -> None:
        """Nobody waits for the reply any more."""
        self._requests.give_up(future, now)

    def fail(self, error: Callable[[], Exception], state: KdState) -> None:
        """The link is gone: everybody who waits gets an error."""
        self.state = state
        self._gone = error
        self.ownership.lose(restarted=False)
        self._requests.clear()
        waiting: list[Future[Any]] = [*self.break_in.take(), *self._resuming]
        self._resuming = []
        for future in waiting:
            settle(future, error=error())

    # --- the owner ---

    def attach(self, owner: Owner, now: float) -> None:
        """From now on every stop is the owner's; so is the one on which the target is held. Raises UsageError."""
        self.ownership.attach(owner)
        self._visit = None
        if self.state is KdState.STOPPED and self.held and self.stop is not None:
            self.answering.end(now)
            self._give(self.stop)

    def detach(self, owner: Owner, now: float) -> GetString | None:
        """The owner leaves: what it holds goes on by policy, without its breakpoints. Returns its open prompt."""
        if self.ownership.owner is not owner:
            return None
        held, prompt = self.ownership.holds, self.ownership.prompt
        self.answering.leftovers |= self.ownership.breakpoints
        for request in self.ownership.leave():
            self._requests.cancel(request, now)
        if held and self.state is KdState.STOPPED:
            self.held = self.ownership.otherwise is Reaction.HOLD
            if not self.held:
                self._begin_answer(now)
        self._clear_leftovers(now)
        return prompt

    def relay(self, payload: bytes, now: float) -> None:
        """Pass on a request of the owner's; ignored when the target is not stopped for it."""
        if not self.ownership.holds or self.state is not KdState.STOPPED or len(payload) < manipulate.HEADER_SIZE:
            return
        message = manipulate.decode(payload)
        if message.api in CONTINUES:
            self.answering.end(now)
            self.held = self.ownership.holds = False
            self._send(message)
        else:
            self._requests.put(self.ownership.request(message))

    def _give(self, change: StateChange) -> None:
        self.held = True
        self.ownership.take_stop(change.payload)

    def _clear_leftovers(self, now: float) -> None:
        """Breakpoints can be cleared only while the target is stopped: it stops for a moment."""
        if self.answering.leftovers and self.state is KdState.RUNNING:
            self.break_in.ask(Future(), now, hold=False, attached=True)

    # --- what comes from the target ---

    def heard(self) -> None:
        """Something came."""
        self._notified = None
        if self.state is KdState.UNKNOWN:
            self.state = KdState.RUNNING

    def must_run(self, payload: bytes, *, reply: bool) -> bool:
        """Does a message that came after our Continue show that the target has taken it?

        A stopped target says nothing of its own, except that it may repeat the stop.
        """
        if self._continuing is None or reply:
            return False
        return self.stop is None or payload != self.stop.payload

    def stopped(self, change: StateChange, now: float) -> None:
        """A state change."""
        if self._requests.switching:
            self._switched(change)
            return
        if self.stop is not None and change.payload == self.stop.payload:
            return  # the same stop once more: its answer is on the way, or it is held
        told, self._told = self._told == change.payload, None
        self.answering.end(now)
        self._requests.clear()
        self.state = KdState.STOPPED
        self.stop = change
        self.event = None
        self._holders.clear()
        self._visit = None
        self.held = self.ownership.holds = False
        self.ownership.otherwise = Reaction.CONTINUE
        self.answering.knowledge.saw(change)
        if isinstance(change, ExceptionChange):
            self._exception(change, now, told=told)
            return
        self._notified = change.payload
        event = notification(change)
        if event is not None and not told:
            self._emit(event)
        if self.ownership.owner is not None:
            self._give(change)
        else:
            self._begin_answer(now)

    def _exception(self, change: ExceptionChange, now: float, *, told: bool) -> None:
        """Say why it stopped, tell who waits, and give it to the owner or deal with it by policy."""
        reason, reaction = self.answering.reason(change, asked=self.break_in.expects_stop(now))
        quiet = reason == BREAK_IN and not self.break_in.wants_hold
        owned = self.ownership.owner is not None and not quiet
        self.ownership.otherwise = reaction
        by_policy = reaction is Reaction.HOLD and not self.break_in.wants_hold
        if self.break_in.wants_hold or owned:
            reaction = Reaction.HOLD
        self.held = reaction is Reaction.HOLD
        self.event = StopEvent.of(change, reason, reaction)
        if not quiet and not told:
            self._emit(self.event)
        waiting = self.break_in.stopped(was_break_in=reason == BREAK_IN, held=self.held)
        if self.held:
            self._holders = set() if by_policy else set(waiting)
            for future in waiting:
                settle(future, result=self.event)
        else:
            self._resuming += [completes(future, self.event) for future in waiting]
        if not (owned or quiet or told or self.held) and self.visitor is not None and self.visitor(self.event):
            self.held, self._visit = True, self.event
        if owned:
            self._give(change)
        elif self._visit is None and (by_policy or not self.held):
            self._begin_answer(now, reaction, unexpected=reason != BREAK_IN and not state_change.is_user_mode(change))
        if by_policy and reason == BUGCHECK and self.answering.policy.bugcheck is Reaction.CONTINUE and not waiting:
            self._emit(NoteEvent(text="the target repeats its bugcheck stop: it stays stopped"))

    def _switched(self, change: StateChange) -> None:
        """The same stop, seen from another processor."""
        self.stop = change
        if isinstance(change, ExceptionChange) and self.event is not None:
            self.event = StopEvent.of(change, self.event.reason, Reaction.HOLD)
        self._requests.switched()
        if self.ownership.holds:
            self._give(change)

    def reply(self, reply: Manipulate) -> None:
        """A reply."""
        if reply.api == Api.GET_VERSION and not reply.failed:
            self.answering.knowledge.learn(decode_version(reply))
        if reply.api == Api.WRITE_BREAKPOINT and not reply.failed:
            self.answering.reasons.breakpoint_set(int.from_bytes(reply.union[:8], "little"))
        self._requests.reply(reply)

    def acknowledged(self, event: Acknowledged, now: float) -> None:
        """The target has a message of ours."""
        if manipulate.decode(event.payload).api not in CONTINUES:
            self._requests.acknowledged(now)
            return
        answered, self._continuing = self._continuing, None
        if answered is not None and answered is self.stop:  # else another stop has replaced it since
            self.stop = None
            self.event = None
            self.state = KdState.RUNNING
            self._resumed(now)

    def resynchronised(self, now: float, *, by_reset: bool) -> None:
        """The target began its streams anew."""
        last = self.stop.payload if self.stop else self._notified
        self._told = last if by_reset else None
        self.answering.end(now)
        self._requests.clear()
        self.ownership.lose(restarted=not by_reset)
        self.stop = None
        self.event = self._visit = None
        self.held = False
        self._continuing = None
        self.state = KdState.UNKNOWN if by_reset else KdState.RUNNING
        if not by_reset:
            self.boots += 1
            self.answering.forget()
            self._resumed(now)

    def _resumed(self, now: float) -> None:
        resuming, self._resuming = self._resuming, []
        for future in resuming:
            settle(future)
        self._clear_leftovers(now)

    # --- answering ---

    def _begin_answer(self, now: float, reaction: Reaction = Reaction.CONTINUE, *, unexpected: bool = False) -> None:
        assert self.stop  # noqa: S101
        self.answering.begin(self.stop, self._answered, now, reaction, unexpected=unexpected)

    def _answered(self, outcome: Outcome) -> None:
        if outcome.found_bugcheck and isinstance(self.stop, ExceptionChange):
            self.held = outcome.message is None
            self.event = StopEvent.of(self.stop, BUGCHECK, Reaction.HOLD if self.held else Reaction.CONTINUE)
        if outcome.message is not None:
            self._send(outcome.message)

    def _send(self, message: Manipulate) -> None:
        self._requests.put(Request(message, lambda _: None))

    def _void(self) -> Exception:
        if self._gone is not None:
            return self._gone()
        return InfrastructureError("the target ran on or restarted before it answered", "see the end of the kd log")

    # --- snapshots ---

    def to_json(self) -> dict[str, Any]:
        """Everything that must go back in time when the target does."""
        mine = self.held and not self.ownership.holds and not self.is_visited
        return {
            "state": str(self.state),
            "stop": self.stop.payload.hex() if self.stop else None,
            "held": self.event.reason if mine and self.event else None,
            "continuing": self._continuing is not None and self._continuing is self.stop,
            "breakpoints": sorted(self.ownership.breakpoints | self.answering.leftovers),
        } | self.answering.to_json()

    def restore(self, data: dict[str, Any], now: float) -> None:
        """The target went back to where it was at `to_json`."""
        self.boots += 1
        self.ownership.lose(restarted=False)
        self.answering.end(now)
        self._requests.clear()
        self.state = KdState(data.get("state", KdState.UNKNOWN))
        self.answering.restore(data)
        self.stop = state_change.decode_any(bytes.fromhex(data["stop"])) if data.get("stop") else None
        self.event = self._visit = None
        self.held = bool(data.get("held"))
        if self.held and isinstance(self.stop, ExceptionChange):
            self.event = StopEvent.of(self.stop, data["held"], Reaction.HOLD)
        self._continuing = self.stop if data.get("continuing") else None
        self.answering.leftovers = (
            frozenset() if self.ownership.owner else frozenset(map(int, data.get("breakpoints", ())))
        )
        self.break_in.restart(now)
        if self._continuing is None and self._link.outstanding_request is not None:
            self._requests.adopt(manipulate.decode(self._link.outstanding_request), now)
        if self.stop is not None and self._continuing is None:
            if self.ownership.owner is not None:
                self._give(self.stop)
            elif not self.held:
                self._begin_answer(now)
        self._clear_leftovers(now)
