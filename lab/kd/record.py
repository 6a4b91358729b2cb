"""`lab kd record`: attach to any kernel debugger target and write down what it says, with no lab around."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from lab.errors import GuestLostError, HungError
from lab.kd.address import open_address
from lab.kd.attribution import Attribution
from lab.kd.client import KdClient
from lab.kd.entry import LogEntry
from lab.kd.events import KdEvent, LinkLostEvent, PrintEvent, StopEvent, describe
from lab.kd.log import KdLog
from lab.kd.painter import Painter
from lab.kd.policy import Policy, Reaction
from lab.kd.subscription import Subscription
from lab.kd.tally import Tally
from lab.kd.tap import Tap
from lab.kd.transport import Transport

STOPS_WITHIN = 20.0
"""Seconds in which a target must answer a break-in: two rounds of everything that can be tried."""
POLL = 0.2
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_IN_A_ROW = 4


def record(options: argparse.Namespace, console: Console | None = None) -> int:
    """Do what the options say until Ctrl-C, the end of the stream or of the duration; returns the exit status.

    Raises UsageError for a bad address or file, GuestLostError when the target goes before it said anything,
    HungError when it does not answer `--break-in`.
    """
    out = options.out or Path(time.strftime("kd-%Y%m%d-%H%M%S.jsonl"))
    transport: Transport = open_address(options.address)
    log = None
    try:
        if options.raw:
            transport = Tap(transport, options.raw)
        log = KdLog.at(out)
        client = KdClient(transport, log, policy_of(options.stop_policy))
    except Exception:
        transport.close()
        raise
    recorder = _Recorder(client, console or Console(highlight=False, soft_wrap=True))
    try:
        recorder.run(options)
    finally:
        log.close()
    recorder.summarise(out, options.raw)
    return 0


def policy_of(reaction: str) -> Policy:
    """What `--stop-policy` means. Exceptions that programs handle themselves are theirs in any case."""
    chosen = Reaction(reaction)
    return Policy(breakpoint=chosen, exception=chosen, bugcheck=chosen)


class _Recorder:
    """Shows events as they come."""

    def __init__(self, client: KdClient, console: Console) -> None:
        self._client = client
        self._console = console
        self._painter = Painter(console)
        self._attribution = Attribution()
        self._tally = Tally()
        self._holds = False
        self._ended = ""

    def run(self, options: argparse.Namespace) -> None:
        """Until something ends it."""
        self._holds = options.stop_policy == Reaction.HOLD.value
        with self._client.subscribe() as events, _interruptible():
            try:
                self._client.start()
                if options.break_in:
                    self._break_in(events)
                self._follow(events, options.duration)
            except KeyboardInterrupt:
                self._ended = "ended"
            finally:
                self._client.close()
            self._show_rest(events)

    def summarise(self, out: Path, raw: Path | None) -> None:
        """What it came to."""
        self._painter.title(self._ended)
        for line in self._tally.lines(self._client.counters):
            self._say(line)
        self._say(f"log: {out}" + (f", raw bytes: {raw}" if raw else ""))

    def _follow(self, events: Subscription, duration: float | None) -> None:
        deadline = time.monotonic() + duration if duration is not None else None
        while deadline is None or time.monotonic() < deadline:
            event = self._next(events)
            if event is None:
                continue
            self._show(event)
            if isinstance(event, LinkLostEvent):
                self._at_the_end(event)
                return
        self._ended = f"{duration:g} s are over"

    def _show_rest(self, events: Subscription) -> None:
        """What came before the end and was not shown yet, unless that takes too long for who waits."""
        try:
            while not events.empty:
                event = events.get(0)
                self._tally.count(event)
                self._show(event)
        except KeyboardInterrupt:
            self._ended = "ended before everything was shown: the log has it all"

    def _at_the_end(self, event: LinkLostEvent) -> None:
        counters = self._client.counters
        if not counters.accepted and not counters.noise_bytes:
            raise GuestLostError(f"{event.text}; it had said nothing", "is the target up, and is this its debug port?")
        self._ended = "the stream has ended"

    def _break_in(self, events: Subscription) -> None:
        self._client.interrupt()
        deadline = time.monotonic() + STOPS_WITHIN
        while time.monotonic() < deadline:
            event = self._next(events)
            if event is None:
                continue
            self._show(event)
            if isinstance(event, LinkLostEvent):
                raise GuestLostError(event.text, "it went before it stopped: see the log")
            if isinstance(event, StopEvent) and self._client.held:
                self._describe(event)
                if not self._holds:
                    self._client.resume()
                return
        what = f"the target did not answer a break-in in {STOPS_WITHIN:g} s"
        if self._client.counters.noise_bytes and not self._client.counters.accepted:
            raise HungError(f"{what}: it prints plain text, no debugger packets", "record it without --break-in")
        raise HungError(what, "is it booted with the debugger on, on this port and speed?")

    def _describe(self, stop: StopEvent) -> None:
        version = self._client.version()
        machine = version.machine.name if version.machine else f"machine {version.machine_number:#x}"
        self._say(f"build {version.build}, {machine}, kernel at {version.kernel_base:#x}")
        context = self._client.get_context(stop.processor)
        values = [f"{name:>6} {value:#018x}" for name, value in context.registers.items()] if context else []
        for i in range(0, len(values), _IN_A_ROW):
            self._say("  ".join(values[i : i + _IN_A_ROW]))

    def _next(self, events: Subscription) -> KdEvent | None:
        """The next event; None when there is none for a while."""
        try:
            event = events.get(0)
        except HungError:
            self._console.file.flush()
            try:
                event = events.get(POLL)
            except HungError:
                return None
        self._tally.count(event)
        return event

    def _show(self, event: KdEvent) -> None:
        kind, cpu, text, extras = describe(event)
        if isinstance(event, PrintEvent):
            extras = extras | self._attribution.feed(text, event.process)
        self._painter.paint(LogEntry(event.seq, time.time(), kind, cpu, text, None, extras))
        if isinstance(event, StopEvent) and self._holds and event.reaction == Reaction.HOLD.value:
            self._say("the target is held: it stands still until this command ends (Ctrl-C)")

    def _say(self, text: str) -> None:
        self._painter.end_line()
        self._console.file.write(text + "\n")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Every way to be asked to end is like Ctrl-C: a target that is held must not be left so."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.stdout.flush()
