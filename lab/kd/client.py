"""The kernel debugger client: what the rest of the lab does with a target."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

from lab.errors import GuestLostError, HungError, InfrastructureError
from lab.kd import memory, requests
from lab.kd.context import Context, decode_context
from lab.kd.events import KdEvent, StopEvent
from lab.kd.kd_state import KdState
from lab.kd.link_events import Counters
from lab.kd.link_state import LinkState
from lab.kd.log import KdLog
from lab.kd.manipulate import Manipulate
from lab.kd.owner import Owner
from lab.kd.policy import Policy
from lab.kd.reader import Reader
from lab.kd.run_control import Visitor
from lab.kd.subscription import Predicate, Subscription
from lab.kd.transport import Transport
from lab.kd.version import Version, decode_version

__all__ = ["KdClient", "KdState"]

logger = logging.getLogger(__name__)

CLOSE_DEADLINE = 2.0
SHORT = 5.0
"""Seconds for what needs no answer of the target."""
HUSH_DEADLINE = 1.0


class KdClient:
    """Host side of a kernel debugger link. Any thread may use it.

    Time-outs are seconds of the machine's time: they do not run while the machine is paused, which is from `freeze`
    or `thaw` until `unfreeze` or the next byte from it. All methods raise GuestLostError when the link is gone.
    """

    def __init__(self, transport: Transport, log: KdLog | None = None, policy: Policy | None = None) -> None:
        self._log = log
        self._reader = Reader(transport, log, policy or Policy())
        self._run = self._reader.session.run

    # --- life ---

    def start(self) -> None:
        """Start reading. What the target sent before that waits in the transport."""
        self._reader.start()

    def close(self) -> None:
        """Let a held target run on, and close the connection. The log stays open: it is its maker's."""
        if self._reader.alive and self.held:
            try:
                self.resume(CLOSE_DEADLINE)
            except (HungError, GuestLostError) as error:
                logger.warning("the target was not continued: %s", error)
        self._reader.stop()

    @property
    def state(self) -> KdState:
        """What is known of the target."""
        return self._run.state

    @property
    def stop_event(self) -> StopEvent | None:
        """The stop on which the target is held or being continued; None while it runs."""
        return self._run.event

    @property
    def held(self) -> bool:
        """Is the target stopped, and does it stay so until somebody lets it run?"""
        return self._run.held and self._run.state is KdState.STOPPED

    @property
    def counters(self) -> Counters:
        """What went over the link: packets, repetitions, noise."""
        return self._reader.session.link.counters

    @property
    def boots(self) -> int:
        """How often the target restarted its link, or went back to a snapshot: then all is new."""
        return self._run.boots

    # --- what it does by itself ---

    @property
    def policy(self) -> Policy:
        """How it reacts."""
        return self._run.answering.policy

    def set_policy(self, policy: Policy) -> None:
        """React like this from now on; a target that is held stays so."""
        self._reader.call(
            lambda _: setattr(self._run.answering, "policy", policy), SHORT, "the client did not take the policy"
        )

    def serve(self, files: Mapping[str, Path]) -> None:
        r"""Give these host files to a target that asks for them; it is told of all others that they are not served.

        A key is the guest's path in any notation (`C:\Windows\System32\drivers\x.sys`, `\SystemRoot\...`, `\??\...`)
        or a file's name alone, which stands for it in every directory.
        """
        self._reader.call(lambda _: self._reader.session.files.serve(files), SHORT, "the client did not take the files")

    # --- events ---

    def subscribe(self) -> Subscription:
        """A queue of all events from now on."""
        return self._reader.subscribe()

    def wait_for(self, predicate: Predicate, timeout: float) -> KdEvent:
        """The first event from now on that fits; it is in the log file. Raises HungError."""
        with self.subscribe() as subscription:
            if self.state in (KdState.LOST, KdState.CLOSED):
                raise self._reader.lost()
            event = subscription.wait_for(predicate, timeout)
        self.flush()
        return event

    # --- running and stopping ---

    def break_in(self, timeout: float = 10.0) -> StopEvent:
        """Stop the target and hold it until `resume`; at once when it is held already.

        Raises HungError when it does not answer in time.
        """
        stop = self._break_in(timeout, hold=True)
        if stop is None:
            raise InfrastructureError("the target is held on a stop that is no exception", "resume it first")
        return stop

    def sync(self, timeout: float = 10.0) -> None:
        """Return when everything that the target printed before the call is in the log file.

        Stops the target for a moment and lets it run on; leaves no stop in the log. A target that is held has printed
        all it will: then it returns at once. Raises like `break_in`.
        """
        self._break_in(timeout, hold=False)

    def resume(self, timeout: float = SHORT, message: Manipulate | None = None) -> None:
        """Let a held target run; returns when it has taken that. Raises HungError.

        Without `message` a breakpoint in the code is stepped over, and exceptions are left to the kernel. `message`
        is a request that makes it run in another way; it has no reply.
        """
        future: Future[None] = Future()
        self._reader.command(lambda now: self._run.resume(future, now, message))
        self._reader.wait(future, timeout, f"the target did not take Continue in {timeout:g} s")

    def _break_in(self, timeout: float, *, hold: bool) -> StopEvent | None:
        future: Future[StopEvent | None] = Future()
        self._reader.command(lambda now: self._run.ask_break_in(future, now, hold=hold))
        try:
            stop = self._reader.wait(future, timeout, f"the target did not answer a break-in in {timeout:g} s")
        except HungError:
            self._reader.post(lambda now: self._run.give_up_break_in(future, now))
            raise
        self.flush()
        return stop

    # --- requests to a held target ---

    def request(self, message: Manipulate, timeout: float = SHORT) -> Manipulate:
        """Send a request, return the reply, whatever its status. Requests of several threads take turns.

        Raises UsageError when the target is not held, HungError when it does not answer in time (its machine's time,
        see above), InfrastructureError when it went on or restarted meanwhile.
        """
        future: Future[Manipulate] = Future()
        self._reader.command(lambda _: self._run.request(message, future))
        try:
            complaint = f"the target did not answer request {message.api:#x} in {timeout:g} s"
            return self._reader.wait(future, timeout, complaint)
        except HungError:
            self._reader.post(lambda now: self._run.forget(future, now))
            raise

    def version(self, timeout: float = SHORT) -> Version:
        """What the target says of itself."""
        return decode_version(self.request(requests.get_version(), timeout))

    def read_virtual(self, address: int, count: int, timeout: float = SHORT) -> bytes:
        """Up to `count` bytes of the target's memory; fewer when the rest is not there. `timeout` is for each page."""
        return memory.read(lambda each: self.request(each, timeout), requests.read_virtual, address, count)

    def get_context(self, processor: int = 0, timeout: float = SHORT) -> Context | None:
        """The registers of a processor; None when the target does not tell."""
        reply = self.request(requests.get_context(processor), timeout)
        return None if reply.failed else decode_context(reply.data, self._run.answering.knowledge.told)

    # --- somebody who looks into crashes ---

    @property
    def visited(self) -> bool:
        """Is the target held for the visitor alone? It goes on by itself."""
        return self._run.is_visited

    def set_visitor(self, visitor: Visitor) -> None:
        """Ask `visitor` at each stop that would go on at once, in the thread that reads the link: it must not wait.

        When it returns True the target stays stopped, and can be asked, until `end_visit`.
        """
        self._reader.call(lambda _: setattr(self._run, "visitor", visitor), SHORT, "the client took no visitor")

    def end_visit(self, stop: StopEvent) -> None:
        """The visitor has seen enough: what the policy says is done now. Nothing when that stop is over."""
        self._reader.post(lambda now: self._run.end_visit(stop, now))

    # --- a debugger behind this one ---

    def attach(self, owner: Owner) -> None:
        """Give every stop and prompt to `owner` from now on, the present one too.

        Raises UsageError when there is one already.
        """
        self._reader.call(lambda now: self._run.attach(owner, now), SHORT, "the client did not attach a debugger")

    def detach(self, owner: Owner) -> None:
        """Take over from `owner`: its breakpoints are cleared, what it holds goes on by policy. Does not wait."""
        self._reader.post(lambda now: self._reader.session.detach(owner, now))

    def relay(self, payload: bytes) -> None:
        """Pass on a STATE_MANIPULATE of the owner's, Continue included. Does not wait; ignored when the target runs."""
        self._reader.post(lambda now: self._run.relay(payload, now))

    def answer_prompt(self, payload: bytes) -> None:
        """Pass on the owner's DEBUG_IO answer to a prompt. Does not wait; ignored when there is none."""
        self._reader.post(lambda _: self._reader.session.answer_prompt(payload))

    def interrupt(self) -> None:
        """Ask a running target to stop, without waiting: the owner gets the stop. Nothing when it is stopped."""
        self._reader.post(lambda now: self._run.ask_break_in(Future(), now, hold=True))

    # --- snapshots and log ---

    def flush(self) -> None:
        """Everything that came so far is in the log file."""
        if self._log:
            self._log.flush()

    def freeze(self, timeout: float = SHORT) -> LinkState:
        """The link's state, to be stored with a snapshot. The caller has paused the machine.

        The client stays usable: when the machine goes on, so does the link. Its clock stands still until then.
        """
        state = self._reader.call(self._reader.freeze, timeout, "the kernel debugger client did not come to rest")
        self._reader.clock.pause()
        return state

    def hush(self, within: float = HUSH_DEADLINE) -> None:
        """Send nothing until `thaw` or `unfreeze`; return when the machine has read what was sent before.

        For the moment before the machine goes back in time: what is on the line then would reach the one that it
        becomes. Returns after `within` seconds when the machine reads no more.
        """
        self._reader.call(lambda _: self._reader.set_silent(True), SHORT, "the kernel debugger client is not silent")
        deadline = time.monotonic() + within
        while self._reader.unread and time.monotonic() < deadline:
            time.sleep(0.005)

    def thaw(self, state: LinkState, timeout: float = SHORT) -> None:
        """Go back to `state`. The caller has paused the machine and restored the snapshot that belongs to it."""
        self._reader.call(lambda _: self._reader.thaw(state), timeout, "the kernel debugger client did not go back")
        self._reader.clock.pause()

    def unfreeze(self) -> None:
        """The machine goes on after `freeze` or `thaw`: so does its clock. Nothing if it does already."""
        self._reader.clock.go_on()
        self._reader.post(lambda _: self._reader.set_silent(False))
