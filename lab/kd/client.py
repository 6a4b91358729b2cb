"""The kernel debugger client: one thread that reads, acknowledges at once, writes the log and hands events on."""

from __future__ import annotations

import dataclasses
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeVar

from lab.errors import GuestLostError, HungError, InfrastructureError, UsageError
from lab.kd import manipulate
from lab.kd.context import Context, decode_context
from lab.kd.events import BugcheckEvent, KdEvent, LinkLostEvent, ModuleEvent, PrintEvent, StopEvent, describe
from lab.kd.kd_state import KdState
from lab.kd.link import LinkState
from lab.kd.log import KdLog
from lab.kd.manipulate import Manipulate, Version
from lab.kd.owner import Owner
from lab.kd.policy import Policy
from lab.kd.session import Session
from lab.kd.subscription import Predicate, Subscription
from lab.kd.transport import Transport

__all__ = ["KdClient", "KdState"]

logger = logging.getLogger(__name__)

CHUNK = 1 << 16
QUIET = 0.05
"""Seconds without a byte after which a paused machine has nothing more to say."""
DRAIN_DEADLINE = 2.0
CLOSE_DEADLINE = 2.0
_T = TypeVar("_T")
_HANG_ADVICE = "the guest may hang with interrupts off: see the end of its console.log and kd.log, then restart the lab"


class KdClient:
    """Host side of a kernel debugger link, on a thread of its own.

    The thread owns the transport. Its only waits are for the transport; slow callers never delay an acknowledgement.
    """

    def __init__(self, transport: Transport, log: KdLog | None = None, policy: Policy | None = None) -> None:
        self._transport = transport
        self._log = log
        self._session = Session(policy or Policy(), self._emit)
        self._commands: queue.SimpleQueue[Callable[[float], None]] = queue.SimpleQueue()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._changing = threading.Lock()
        self._closing = False
        self._why_lost = ""
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kd-reader", daemon=True)

    # --- life ---

    def start(self) -> None:
        """Start reading. What the target sent before that waits in the transport."""
        self._thread.start()

    def close(self) -> None:
        """Let a held target run on, and close the connection. The log stays open: it is its maker's."""
        if self._thread.is_alive():
            if self._session.held:
                try:
                    self.resume(CLOSE_DEADLINE)
                except (HungError, GuestLostError) as error:
                    logger.warning("the target was not continued: %s", error)
            self._closing = True
            self._transport.wake()
            self._thread.join(CLOSE_DEADLINE)
        self._transport.close()

    @property
    def state(self) -> KdState:
        """What is known of the target."""
        return self._session.state

    @property
    def stop_event(self) -> StopEvent | None:
        """The stop on which the target is held or being continued; None while it runs."""
        return self._session.stop_event

    # --- events ---

    def subscribe(self) -> Subscription:
        """A queue of all events from now on."""
        subscription = Subscription(self._unsubscribe)
        with self._changing:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def wait_for(self, predicate: Predicate, timeout: float) -> KdEvent:
        """The first event from now on that fits. Raises HungError, GuestLostError."""
        with self.subscribe() as subscription:
            if self.state in (KdState.LOST, KdState.CLOSED):
                raise self._lost()
            return subscription.wait_for(predicate, timeout)

    # --- running and stopping ---

    def break_in(self, timeout: float = 10.0) -> StopEvent:
        """Stop the target and hold it until `resume`; at once when it is held already.

        Raises HungError when it does not answer in `timeout` seconds, GuestLostError when the link is gone.
        """
        stop = self._break_in(timeout, hold=True)
        if stop is None:
            raise InfrastructureError("the target is held on a stop that is no exception", "resume it first")
        return stop

    def sync(self, timeout: float = 10.0) -> None:
        """Return when everything that the target printed before the call is in the log file.

        Stops the target for a moment and lets it run on; leaves no stop in the log. Raises like `break_in`.
        """
        self._break_in(timeout, hold=False)
        self.flush()

    def resume(self, timeout: float = 5.0) -> None:
        """Let a held target run; returns when it has taken that. Raises HungError, GuestLostError."""
        future: Future[None] = Future()
        self._command(lambda now: self._session.resume(future, now))
        self._wait(future, timeout, f"the target did not take Continue in {timeout:g} s")

    # --- requests to a held target ---

    def request(self, message: Manipulate, timeout: float = 5.0) -> Manipulate:
        """Send a request, return the reply, whatever its status.

        Raises UsageError when the target is not held, HungError after `timeout` seconds, GuestLostError.
        """
        future: Future[Manipulate] = Future()
        self._command(lambda _: self._session.request(message, future))
        try:
            return self._wait(future, timeout, f"the target did not answer request {message.api:#x} in {timeout:g} s")
        except HungError:
            self._command(lambda _: self._session.forget_request())
            raise

    def version(self, timeout: float = 5.0) -> Version:
        """What the target says of itself."""
        return manipulate.decode_version(self.request(manipulate.get_version(), timeout))

    def read_virtual(self, address: int, count: int, timeout: float = 5.0) -> bytes:
        """Up to `count` bytes of the target's memory; fewer when the rest is not there."""
        data = bytearray()
        while len(data) < count:
            at = address + len(data)
            wanted = min(manipulate.MAX_READ - at % manipulate.MAX_READ, count - len(data))
            reply = self.request(manipulate.read_virtual(at, wanted), timeout)
            got = reply.data[: min(reply.moved, wanted)]
            data += got
            if len(got) < wanted:
                break
        return bytes(data)

    def get_context(self, processor: int = 0, timeout: float = 5.0) -> Context | None:
        """The registers of a processor; None when the target does not tell."""
        reply = self.request(manipulate.get_context(processor), timeout)
        return None if reply.failed else decode_context(reply.data)

    # --- a debugger behind this one ---

    def attach(self, owner: Owner) -> None:
        """Give every stop and prompt to `owner` from now on, the present one too.

        Raises UsageError when there is one already, GuestLostError.
        """
        future: Future[None] = Future()

        def attach(_: float) -> None:
            try:
                self._session.attach(owner)
            except UsageError as error:
                future.set_exception(error)
            else:
                future.set_result(None)

        self._command(attach)
        self._wait(future, 5.0, "the kernel debugger client did not attach a debugger")

    def detach(self, owner: Owner) -> None:
        """Take over from `owner`: what it holds goes on by policy. Does not wait; nothing when the link is gone."""
        self._post(lambda now: self._session.detach(owner, now))

    def relay(self, payload: bytes) -> None:
        """Pass on a STATE_MANIPULATE of the owner's, Continue included. Does not wait; ignored when the target runs."""
        self._post(lambda _: self._session.relay(payload))

    def answer_prompt(self, payload: bytes) -> None:
        """Pass on the owner's DEBUG_IO answer to a prompt. Does not wait; ignored when there is none."""
        self._post(lambda _: self._session.answer_prompt(payload))

    def interrupt(self) -> None:
        """Ask a running target to stop, without waiting: the owner gets the stop."""
        self._post(lambda now: self._session.ask_break_in(Future(), now, hold=True))

    # --- snapshots and log ---

    def flush(self) -> None:
        """Everything that came so far is in the log file."""
        if self._log:
            self._log.flush()

    def freeze(self, timeout: float = 5.0) -> LinkState:
        """The link's state, to be stored with a snapshot. The caller has paused the machine.

        The client stays usable: when the machine goes on, so does the link.
        """
        return self._on_thread(self._freeze, timeout, "the kernel debugger client did not come to rest")

    def thaw(self, state: LinkState, timeout: float = 5.0) -> None:
        """Go back to `state`. The caller has paused the machine and restored the snapshot that belongs to it."""
        self._on_thread(lambda now: self._thaw(state, now), timeout, "the kernel debugger client did not go back")

    # --- on the caller's thread ---

    def _break_in(self, timeout: float, *, hold: bool) -> StopEvent | None:
        future: Future[StopEvent | None] = Future()
        self._command(lambda now: self._session.ask_break_in(future, now, hold=hold))
        try:
            return self._wait(future, timeout, f"the target did not answer a break-in in {timeout:g} s")
        except HungError:
            self._command(lambda _: self._session.break_in.cancel(future))
            raise

    def _on_thread(self, work: Callable[[float], _T], timeout: float, complaint: str) -> _T:
        future: Future[_T] = Future()

        def perform(now: float) -> None:
            try:
                result = work(now)
            except Exception as error:
                future.set_exception(error)
                raise
            future.set_result(result)

        self._command(perform)
        return self._wait(future, timeout, complaint)

    def _post(self, command: Callable[[float], None]) -> None:
        if self._thread.is_alive():
            self._command(command)

    def _command(self, command: Callable[[float], None]) -> None:
        if not self._thread.is_alive():
            raise self._lost()
        self._commands.put(command)
        self._transport.wake()

    def _wait(self, future: Future[_T], timeout: float, complaint: str) -> _T:
        deadline = time.monotonic() + timeout
        while True:
            try:
                return future.result(min(max(deadline - time.monotonic(), 0), 0.5))
            except FutureTimeout:
                if future.done():
                    continue
                if not self._thread.is_alive():
                    raise self._lost() from None
                if time.monotonic() >= deadline:
                    raise HungError(complaint, _HANG_ADVICE) from None

    def _lost(self) -> GuestLostError:
        return GuestLostError(self._why_lost or "the kernel debugger link is not open", "see the end of the kd log")

    def _unsubscribe(self, subscription: Subscription) -> None:
        with self._changing:
            self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)

    # --- on the reader thread ---

    def _run(self) -> None:
        try:
            self._read()
            self._end("the kernel debugger link was closed", KdState.CLOSED)
        except (OSError, EOFError) as error:
            self._end(f"the kernel debugger link is gone: {error}", KdState.LOST)
        except Exception as error:
            # A target that nobody answers stops; without a connection it runs on.
            logger.exception("the kernel debugger client failed")
            self._end(f"the kernel debugger client failed: {error!r}", KdState.LOST)

    def _read(self) -> None:
        while not self._closing:
            if not self._take(self._transport.recv(CHUNK, self._patience())) or not self._commands.empty():
                now = time.monotonic()
                self._obey(now)
                self._send(self._session.work(now))
            self._flush_if_due()

    def _take(self, data: bytes | None) -> bool:
        """Deal with received bytes, acknowledgements first; False when there were none."""
        if data == b"":
            raise EOFError("the other side closed it")
        if not data:
            return False
        now = time.monotonic()
        self._send(self._session.receive(data, now))
        self._send(self._session.work(now))
        return True

    def _patience(self) -> float | None:
        if not self._commands.empty():
            return 0.0
        times = [self._session.due, self._log.flush_due if self._log else None]
        known = [each for each in times if each is not None]
        return max(min(known) - time.monotonic(), 0.0) if known else None

    def _obey(self, now: float) -> None:
        while not self._commands.empty():
            self._commands.get()(now)

    def _send(self, data: bytes) -> None:
        if data:
            self._transport.send(data)

    def _flush_if_due(self) -> None:
        if self._log and self._log.flush_due is not None and time.monotonic() >= self._log.flush_due:
            self._log.flush()

    def _freeze(self, _: float) -> LinkState:
        self._drain(self._take)
        if self._log:
            self._log.flush()
        return self._session.freeze()

    def _thaw(self, state: LinkState, _: float) -> None:
        self._drain(bool)
        self._session.thaw(state, time.monotonic())
        if self._log:
            self._log.restored("snapshot restored")

    def _drain(self, take: Callable[[bytes | None], bool]) -> None:
        """Read until nothing more comes."""
        deadline = time.monotonic() + DRAIN_DEADLINE
        quiet_at = time.monotonic() + QUIET
        while (now := time.monotonic()) < min(deadline, quiet_at):
            data = self._transport.recv(CHUNK, quiet_at - now)
            if data == b"":
                raise EOFError("the other side closed it")
            if take(data):
                quiet_at = time.monotonic() + QUIET

    def _emit(self, event: KdEvent) -> None:
        seq = 0
        if self._log:
            if type(event) is PrintEvent:
                seq = self._log.write("print", event.processor, event.text, {})
            else:
                seq = self._log.write(*describe(event))
                if isinstance(event, StopEvent | BugcheckEvent | ModuleEvent):
                    self._log.flush()
        if self._subscriptions:
            event = dataclasses.replace(event, seq=seq)
            for subscription in self._subscriptions:
                subscription.put(event)

    def _end(self, why: str, state: KdState) -> None:
        self._why_lost = why
        self._session.state = state
        try:
            self._emit(LinkLostEvent(text=why))
            if self._log:
                self._log.flush()
        finally:
            self._transport.close()
            self._session.fail(self._lost, state)
