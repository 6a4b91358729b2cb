"""The thread that owns a kernel debugger link: it reads, acknowledges at once, writes the log and hands events on."""

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

from lab.errors import GuestLostError, HungError, LabError
from lab.kd.events import (
    KdEvent,
    LinkLostEvent,
    PrintEvent,
    describe,
    print_extras,
)
from lab.kd.kd_state import KdState
from lab.kd.link import LinkState
from lab.kd.log import KdLog
from lab.kd.machine_clock import LONGEST_PAUSE, MachineClock
from lab.kd.policy import Policy
from lab.kd.session import Session
from lab.kd.subscription import Subscription
from lab.kd.transport import GatheringTransport, Transport

logger = logging.getLogger(__name__)

CHUNK = 1 << 16
QUIET = 0.05
"""Seconds without a byte after which a paused machine has nothing more to say."""
DRAIN_DEADLINE = 2.0
JOIN_DEADLINE = 2.0
TRICKLE = 0.01
"""Seconds for which nothing is looked at but the bytes of a packet: a serial port brings them one by one."""
_GLANCE = 0.5
"""Seconds after which somebody who waits looks whether the thread still lives."""
_HANG_ADVICE = "the guest may hang with interrupts off: see the end of its console.log and kd.log, then restart the lab"
_T = TypeVar("_T")

Command = Callable[[float], None]
"""Something to be done on the thread; gets the machine's time."""


class Reader:
    """Its only waits are for the transport: slow callers never delay an acknowledgement.

    All of the session is used on this thread alone; others give commands.
    """

    def __init__(self, transport: Transport, log: KdLog | None, policy: Policy) -> None:
        self.session = Session(policy, self._emit)
        self.clock = MachineClock()
        self._transport = transport
        self._gathering = transport if isinstance(transport, GatheringTransport) else None
        self._log = log
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._changing = threading.Lock()
        self._closing = False
        self._within_packet = False
        self._silent = False
        self._look_up_at = 0.0
        self._why_lost = ""
        self._thread = threading.Thread(target=self._run, name="kd-reader", daemon=True)

    # --- on the caller's thread ---

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop reading and close the transport."""
        self._closing = True
        if self._thread.is_alive():
            self._transport.wake()
            self._thread.join(JOIN_DEADLINE)
        self._transport.close()

    def post(self, command: Command) -> None:
        """Do it soon, unless the link is gone."""
        if self._thread.is_alive():
            self._commands.put(command)
            self._transport.wake()

    def command(self, command: Command) -> None:
        """Do it soon. Raises GuestLostError when the link is gone."""
        if not self._thread.is_alive():
            raise self.lost()
        self.post(command)

    def call(self, work: Callable[[float], _T], timeout: float, complaint: str) -> _T:
        """Do it and return the result. Raises what it raises, GuestLostError, and HungError with `complaint`."""
        future: Future[_T] = Future()

        def perform(now: float) -> None:
            try:
                result = work(now)
            except LabError as error:
                future.set_exception(error)
                return
            except Exception as error:
                future.set_exception(error)
                raise
            future.set_result(result)

        self.command(perform)
        return self.wait(future, timeout, complaint)

    def wait(self, future: Future[_T], timeout: float, complaint: str) -> _T:
        """The future's result. Raises HungError after `timeout` seconds of the machine's time, GuestLostError."""
        deadline = self.clock.now() + timeout
        while True:
            left = _GLANCE if self.clock.paused else deadline - self.clock.now()
            try:
                return future.result(min(max(left, 0), _GLANCE))
            except FutureTimeout:
                if future.done():
                    continue
                if not self._thread.is_alive():
                    raise self.lost() from None
                if self.clock.now() >= deadline:
                    raise HungError(complaint, _HANG_ADVICE) from None

    def lost(self) -> GuestLostError:
        """The error of whoever needs a link that is gone."""
        return GuestLostError(self._why_lost or "the kernel debugger link is not open", "see the end of the kd log")

    @property
    def unread(self) -> int:
        """Bytes that were sent and that the machine has not read."""
        return self._transport.unread

    def subscribe(self) -> Subscription:
        """A queue of all events from now on."""
        subscription = Subscription(self._unsubscribe)
        with self._changing:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def _unsubscribe(self, subscription: Subscription) -> None:
        with self._changing:
            self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)

    # --- on the thread ---

    def freeze(self, _: float) -> LinkState:
        """Read what a paused machine has still sent; the link's state then."""
        self._drain(self._take)
        if self._log:
            self._log.note("the link's state is saved with a snapshot")
        return self.session.freeze()

    def set_silent(self, silent: bool) -> None:
        """Send nothing, as if the line lost it; or again as usual."""
        self._silent = silent

    def thaw(self, state: LinkState) -> None:
        """Forget what a machine has sent that went back in time."""
        self._drain(bool)
        self._silent = False
        self.session.thaw(state, self.clock.now())
        if self._transport.unread:
            # The restored target will read what was meant for the one before it, and who knows what follows from that.
            self.session.link.send_reset()
        if self._log:
            self._log.restored("snapshot restored")

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
            data = self._receive()
            if data:
                self.clock.go_on()
            if not self._take(data):
                self._within_packet = False
            elif self._within_packet and self._commands.empty():
                continue
            if not data or not self._commands.empty():
                now = self.clock.now()
                while not self._commands.empty():
                    self._commands.get()(now)
                self._send(self.session.work(now))

    def _receive(self) -> bytes | None:
        if not self._within_packet:
            return self._transport.recv(CHUNK, self._patience())
        missing = self.session.link.missing
        if missing and self._gathering:
            return self._gathering.recv_rest(missing)
        return self._transport.recv(CHUNK, TRICKLE)

    def _take(self, data: bytes | None) -> bool:
        """Deal with received bytes, acknowledgements first; False when there were none."""
        if data == b"":
            raise EOFError("the other side closed it")
        if not data:
            return False
        now = self.clock.now()
        self._send(self.session.receive(data, now))
        self._within_packet = not self.session.has_news and now < self._look_up_at
        if not self._within_packet:
            self._send(self.session.work(now))
            self._look_up_at = now + TRICKLE
        return True

    def _patience(self) -> float:
        """Seconds until something is to be done, if no bytes come."""
        if not self._commands.empty():
            return 0.0
        waits = [LONGEST_PAUSE]
        if self.session.due is not None and not self.clock.paused:
            waits.append(self.session.due - self.clock.now())
        return max(min(waits), 0.0)

    def _send(self, data: bytes) -> None:
        if data and not self._silent:
            self._transport.send(data)

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
                seq = self._log.write("print", event.processor, event.text, print_extras(event))
            else:
                seq = self._log.write(*describe(event))
        if self._subscriptions:
            event = dataclasses.replace(event, seq=seq)
            for subscription in self._subscriptions:
                subscription.put(event)

    def _end(self, why: str, state: KdState) -> None:
        self._why_lost = why
        self.session.run.state = state
        try:
            self._emit(LinkLostEvent(text=why))
            if self._log:
                self._log.flush()
        finally:
            self._transport.close()
            self.session.end(self.lost, state)
