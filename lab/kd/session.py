"""What the host says to the target and when: answers to stops, prompts and file requests. No I/O, no clock."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from lab.errors import UsageError
from lab.kd import debug_io, file_io, manipulate, state_change
from lab.kd.answer import Answer
from lab.kd.break_in import BreakIn
from lab.kd.errors import MalformedMessageError
from lab.kd.events import (
    FileRequestEvent,
    KdEvent,
    ModuleEvent,
    NoteEvent,
    PrintEvent,
    PromptEvent,
    RawEvent,
    ResyncEvent,
    StopEvent,
)
from lab.kd.kd_state import KdState
from lab.kd.link import Acknowledged, Link, LinkEvent, LinkState, Received, Resynchronised
from lab.kd.manipulate import CONTINUES, Api, Manipulate
from lab.kd.owner import Owner
from lab.kd.packets import Noise, PacketType
from lab.kd.policy import Policy, Reaction
from lab.kd.raw_text import RawText
from lab.kd.state_change import ExceptionChange, Machine, ModuleChange, StateChange
from lab.kd.stop_reason import BUGCHECK, StopReasons
from lab.kd.waiting import completes, settle

logger = logging.getLogger(__name__)


class Session:
    """One target, from the first byte on. Used by one thread; `emit` gets every event, in order."""

    def __init__(self, policy: Policy, emit: Callable[[KdEvent], None]) -> None:
        self.link = Link()
        self.state = KdState.UNKNOWN
        self.stop: StateChange | None = None
        self.stop_event: StopEvent | None = None
        self.held = False
        self.machine: Machine | None = None
        self._policy = policy
        self._emit = emit
        self._incoming: list[LinkEvent] = []
        self._queue: deque[tuple[int, bytes]] = deque()
        self._raw = RawText()
        self._reasons = StopReasons(policy.bugcheck_stops)
        self.break_in = BreakIn()
        self._answer = Answer()
        self._continuing: StateChange | None = None
        self._told: bytes | None = None
        """The stop that was current when RESET made us forget it: it is no news when it is repeated."""
        self._request: tuple[Manipulate, Future[Manipulate]] | None = None
        self._resuming: list[Future[None]] = []
        self._owner: Owner | None = None
        self._owned = False
        """The current stop is the owner's: it decides when the target runs on."""
        self._by_policy = Reaction.CONTINUE
        """What becomes of the owner's stop when the owner leaves."""
        self._relayed: deque[Manipulate] = deque()
        """Requests of the owner that were not sent yet: the target takes one at a time."""
        self._relaying: int | None = None
        """The owner's request that the target is to answer."""
        self._switching = False
        """The target was told to go on with another processor: its next stop is the same one, seen from there."""
        self._prompt: debug_io.GetString | None = None
        """A prompt that the owner is to answer."""

    # --- bytes and time ---

    def receive(self, data: bytes, now: float) -> bytes:
        """Take bytes; return what must be sent at once. `work` then deals with what they say."""
        self._incoming += self.link.receive(data, now)
        return self.link.take_output()

    def work(self, now: float) -> bytes:
        """Deal with everything received and due; return what is to be sent."""
        self._incoming += self.link.tick(now)
        incoming, self._incoming = self._incoming, []
        for event in incoming:
            self._handle(event, now)
        if self._raw.due is not None and now >= self._raw.due:
            self._emit_raw(self._raw.flush())
        if self._answer.patience is not None and now >= self._answer.patience:
            self._request_of_ours(self._answer.do_without(self.link, now))
        self.break_in.drive(self.link, now, stopped=self.state is KdState.STOPPED and not self._unheard)
        self._pump(now)
        return self.link.take_output()

    @property
    def due(self) -> float | None:
        """When `work` wants to be called next, with or without bytes."""
        times = [self.link.due, self._raw.due, self._answer.patience]
        if self.state is not KdState.STOPPED or self._unheard:
            times.append(self.break_in.due)
        known = [each for each in times if each is not None]
        return min(known) if known else None

    @property
    def _unheard(self) -> bool:
        """Our Continue was sent more than once: the target may run already, and its acknowledgement be lost."""
        return self._continuing is not None and self.link.transmissions > 1

    # --- commands ---

    def ask_break_in(self, future: Future[StopEvent | None], now: float, *, hold: bool) -> None:
        """Stop the target. The future gets the stop; with `hold` off the target runs on before it is set."""
        if self.state is KdState.STOPPED and self.held:
            future.set_result(self.stop_event)
        else:
            self.break_in.ask(future, now, hold=hold, attached=self.state is not KdState.UNKNOWN)

    def resume(self, future: Future[None], now: float) -> None:
        """Let a held target run. The future is set when it does; at once when it is not held."""
        if self.state is not KdState.STOPPED or self.stop is None:
            future.set_result(None)
            return
        self._resuming.append(future)
        if self.held:
            self.held = False
            self._begin_answer(now)

    def request(self, message: Manipulate, future: Future[Manipulate]) -> None:
        """Ask a held target. The future gets the reply, or UsageError when the target is not held."""
        if self.state is not KdState.STOPPED or not self.held:
            future.set_exception(UsageError("the target is running", "break in first: requests need a stopped target"))
        elif self._request is not None:
            future.set_exception(RuntimeError("one request at a time"))
        else:
            self._request = (message, future)
            self._queue.append((PacketType.STATE_MANIPULATE, message.encode()))

    def forget_request(self) -> None:
        """Nobody waits for the reply any more."""
        self._request = None

    # --- the owner ---

    def attach(self, owner: Owner) -> None:
        """From now on every stop is the owner's; so is the one on which the target is held. Raises UsageError."""
        if self._owner is not None:
            raise UsageError("another debugger is attached already", "end that one first")
        self._owner = owner
        if self.state is KdState.STOPPED and self.held and self.stop is not None:
            self._give_stop(self.stop)

    def detach(self, owner: Owner, now: float) -> None:
        """The owner leaves: what it holds or has not answered goes on by policy. Nothing if it is not attached."""
        if self._owner is not owner:
            return
        self._owner = None
        self._relayed.clear()
        self._relaying = None
        if self._prompt is not None:
            self._answer_by_policy(self._prompt)
            self._prompt = None
        if self._owned:
            self._owned = False
            self.held = self._by_policy is Reaction.HOLD
            if self.state is KdState.STOPPED and self.stop and not self.held and self._continuing is None:
                self._drop_requests()
                self._begin_answer(now)

    def relay(self, payload: bytes) -> None:
        """Pass on a request of the owner's; ignored when the target is not stopped for it."""
        if self._owned and self.state is KdState.STOPPED and len(payload) >= manipulate.HEADER_SIZE:
            self._relayed.append(manipulate.decode(payload))

    def answer_prompt(self, payload: bytes) -> None:
        """The owner's answer to a prompt; ignored when there is none."""
        if self._prompt is None:
            return
        prompt, self._prompt = self._prompt, None
        self._queue.append((PacketType.DEBUG_IO, payload))
        self._emit(
            PromptEvent(
                processor=prompt.processor,
                text=prompt.prompt.decode("latin-1"),
                answer=payload[debug_io.HEADER_SIZE :].decode("latin-1"),
            )
        )

    def fail(self, error: Callable[[], Exception], state: KdState) -> None:
        """The link is gone: everybody who waits gets an error."""
        self.state = state
        self._owner_lost()
        waiting: list[Future[Any]] = [*self.break_in.take(), *self._resuming]
        if self._request:
            waiting.append(self._request[1])
        self._resuming = []
        self._request = None
        for future in waiting:
            settle(future, error=error())

    # --- snapshots ---

    def freeze(self) -> LinkState:
        """Everything that must go back in time when the target does."""
        session = {
            "state": str(self.state),
            "stop": self.stop.payload.hex() if self.stop else None,
            "held": self.stop_event.reason if self.held and self.stop_event and not self._owned else None,
            "continuing": self._continuing is not None and self._continuing is self.stop,
            "queue": [[kind, payload.hex()] for kind, payload in self._queue],
            "machine": self.machine.value if self.machine else None,
            "reasons": self._reasons.to_json(),
        }
        return self.link.freeze(session)

    def thaw(self, state: LinkState, now: float) -> None:
        """The target went back to where it was at `freeze`."""
        self._incoming = []
        self._raw = RawText()
        self._owner_lost()
        self._switching = False
        self.link.thaw(state, now)
        session = state.session
        self.state = KdState(session.get("state", KdState.UNKNOWN))
        self.machine = Machine(session["machine"]) if session.get("machine") else None
        self._reasons.restore(session.get("reasons", {}))
        self._queue = deque((int(kind), bytes.fromhex(payload)) for kind, payload in session.get("queue", []))
        self._answer.end()
        self.stop = state_change.decode_any(bytes.fromhex(session["stop"])) if session.get("stop") else None
        self.stop_event = None
        self.held = bool(session.get("held"))
        if self.held and isinstance(self.stop, ExceptionChange):
            self.stop_event = StopEvent.of(self.stop, session["held"], Reaction.HOLD)
        self._continuing = self.stop if session.get("continuing") else None
        self.break_in.restart(now)
        if self.stop and self._owner and self._continuing is None:
            self._give_stop(self.stop)
        elif self.stop and not self.held and self._continuing is None:
            self._drop_requests()
            self._begin_answer(now)

    # --- what the link brings ---

    def _handle(self, event: LinkEvent, now: float) -> None:
        if isinstance(event, Noise):
            self._emit_raw(self._raw.feed(event.data, now))
            if self._raw.looks_plain(packets=self.link.counters.accepted):
                self._emit(NoteEvent(text="the target prints plain text on the port, no debugger packets"))
            return
        self._emit_raw(self._raw.flush())
        if isinstance(event, Received):
            self._message(event, now)
        elif isinstance(event, Acknowledged):
            self._acknowledged(event, now)
        elif isinstance(event, Resynchronised):
            self._resynchronised(event)

    def _message(self, packet: Received, now: float) -> None:
        if self.state is KdState.UNKNOWN:
            self.state = KdState.RUNNING
        if self._continuing is not None and self._shows_running(packet):
            for event in self.link.assume_acknowledged():
                self._handle(event, now)
        try:
            match packet.type:
                case PacketType.DEBUG_IO:
                    self._debug_io(debug_io.decode(packet.payload), packet.payload)
                case PacketType.STATE_CHANGE64:
                    self._stopped(state_change.decode(packet.payload), now)
                case PacketType.STATE_MANIPULATE:
                    self._reply(manipulate.decode(packet.payload), now)
                case PacketType.FILE_IO:
                    request = file_io.decode(packet.payload)
                    self._queue.append((PacketType.FILE_IO, request.refuse()))
                    self._emit(FileRequestEvent(name=request.name))
                case other:
                    self._emit(NoteEvent(text=f"{other.name} packet of {len(packet.payload)} bytes"))
        except MalformedMessageError as error:
            self._emit(NoteEvent(text=f"a message that cannot be understood: {error}"))
            if packet.type is PacketType.STATE_CHANGE64:
                self._stopped(state_change.decode_any(packet.payload), now)

    def _shows_running(self, packet: Received) -> bool:
        """Does a message that came after our Continue show that the target has taken it?

        A stopped target says nothing of its own, except that it may repeat the stop.
        """
        if packet.type is PacketType.STATE_MANIPULATE:
            return False
        return self.stop is None or packet.payload != self.stop.payload

    def _debug_io(self, message: debug_io.PrintString | debug_io.GetString, payload: bytes) -> None:
        if isinstance(message, debug_io.GetString):
            if self._owner is None:
                self._answer_by_policy(message)
            else:
                self._prompt = message
                self._tell(self._owner.prompted, payload)
            return
        if self._owner is not None:
            self._tell(self._owner.printed, payload)
        text = message.text.decode("latin-1")
        self._emit(PrintEvent(processor=message.processor, text=text))
        for event in self._reasons.printed(text, message.processor):
            self._emit(event)

    def _answer_by_policy(self, prompt: debug_io.GetString) -> None:
        text = prompt.prompt.decode("latin-1")
        reply = self._policy.answer(text)
        self._queue.append((PacketType.DEBUG_IO, prompt.answer(reply.encode("latin-1", "replace"))))
        self._emit(PromptEvent(processor=prompt.processor, text=text, answer=reply))

    def _stopped(self, change: StateChange, now: float) -> None:
        if self._switching:
            self._switched(change)
            return
        if self.stop is not None and change.payload == self.stop.payload:
            return  # the same stop once more: its answer is on the way, or it is held
        told, self._told = self._told == change.payload, None
        self.state = KdState.STOPPED
        self.stop = change
        self.stop_event = None
        self.held = False
        self._owned = False
        self._by_policy = Reaction.CONTINUE
        quiet = False
        self._answer.end()
        self._drop_requests()
        if isinstance(change, ExceptionChange):
            quiet = self._exception(change, now, told=told)
        elif told:
            pass
        elif isinstance(change, ModuleChange):
            self._emit(ModuleEvent.of(change))
        elif isinstance(change, state_change.CommandChange):
            self._emit(NoteEvent(text=f"the target asks for a command: {change.command.decode('latin-1')!r}"))
        if self._owner is not None and not quiet:
            self._give_stop(change)
        elif not self.held:
            self._begin_answer(now)

    def _give_stop(self, change: StateChange) -> None:
        """The stop is the owner's."""
        assert self._owner  # noqa: S101
        self.held = True
        self._owned = True
        self._tell(self._owner.stopped, change.payload)

    def _switched(self, change: StateChange) -> None:
        """The same stop, seen from another processor."""
        self._switching = False
        self.stop = change
        if isinstance(change, ExceptionChange) and self.stop_event is not None:
            self.stop_event = StopEvent.of(change, self.stop_event.reason, Reaction.HOLD)
        if self._owned and self._owner is not None:
            self._tell(self._owner.stopped, change.payload)

    def _exception(self, change: ExceptionChange, now: float, *, told: bool) -> bool:
        """Say why it stopped, tell who waits; return whether nobody is to see the stop."""
        reason, reaction = self._reasons.of(change, self.break_in.expects_stop(now), self._policy)
        quiet = reason == "break-in" and not self.break_in.wants_hold
        self._by_policy = reaction
        if self.break_in.wants_hold or (self._owner is not None and not quiet):
            reaction = Reaction.HOLD
        self.held = reaction is Reaction.HOLD
        event = StopEvent.of(change, reason, reaction)
        self.stop_event = event
        if not quiet and not told:
            self._emit(event)
        waiting = self.break_in.stopped(was_break_in=reason == "break-in")
        if self.held:
            for future in waiting:
                settle(future, result=event)
        else:
            self._resuming += [completes(future, event) for future in waiting]
        if self.held and reason == BUGCHECK and self._policy.bugcheck is Reaction.CONTINUE and not waiting:
            self._emit(NoteEvent(text="the target repeats its bugcheck stop: it stays stopped"))
        return quiet

    def _resynchronised(self, event: Resynchronised) -> None:
        self._told = self.stop.payload if event.by_reset and self.stop else None
        self._owner_lost()
        self._switching = False
        self._queue.clear()
        self._answer.end()
        self.stop = None
        self.stop_event = None
        self.held = False
        self._continuing = None
        self.state = KdState.UNKNOWN if event.by_reset else KdState.RUNNING
        if not event.by_reset:
            self._reasons.forget()
            self._emit(ResyncEvent())
            self._resumed()

    def _drop_requests(self) -> None:
        self._queue = deque(each for each in self._queue if each[0] != PacketType.STATE_MANIPULATE)
        self._relayed.clear()
        self._relaying = None

    def _owner_lost(self) -> None:
        """What the owner had begun is void."""
        self._owned = False
        self._relayed.clear()
        self._relaying = None
        self._prompt = None
        if self._owner is not None:
            self._tell(self._owner.lost)

    def _tell(self, tell: Callable[..., None], *payload: bytes) -> None:
        """Call the owner. One that fails must not take the link with it."""
        try:
            tell(*payload)
        except Exception:
            logger.exception("the attached debugger failed")

    # --- answering ---

    def _begin_answer(self, now: float) -> None:
        assert self.stop  # noqa: S101
        machine = self.machine or state_change.guess_machine(self.stop)
        self._request_of_ours(self._answer.begin(self.stop, machine, self.link, now))

    def _request_of_ours(self, message: Manipulate) -> None:
        self._queue.append((PacketType.STATE_MANIPULATE, message.encode()))

    def _acknowledged(self, event: Acknowledged, now: float) -> None:
        if event.type != PacketType.STATE_MANIPULATE:
            return
        api = manipulate.decode(event.payload).api
        if api == Api.SWITCH_PROCESSOR:
            self._switching = self.stop is not None
            return
        if api not in CONTINUES:
            self._answer.taken(now)
            return
        answered, self._continuing = self._continuing, None
        if answered is None or answered is not self.stop:
            return  # it answered a stop that another has replaced since
        self.stop = None
        self.stop_event = None
        self.state = KdState.RUNNING
        self._resumed()

    def _resumed(self) -> None:
        resuming, self._resuming = self._resuming, []
        for future in resuming:
            settle(future)

    def _reply(self, reply: Manipulate, now: float) -> None:
        if self._answer.awaits(reply):
            self._request_of_ours(self._answer.advance(reply, now))
        elif self._request is not None and reply.api == self._request[0].api:
            future = self._request[1]
            self._request = None
            if reply.api == manipulate.Api.GET_VERSION:
                self.machine = manipulate.decode_version(reply).machine or self.machine
            settle(future, result=reply)
        elif reply.api == self._relaying:
            self._relaying = None
            if self._owner is not None:
                self._tell(self._owner.replied, reply.encode())

    def _relay_next(self) -> None:
        """Send the owner's next request when the one before is answered."""
        if not self._relayed or self._relaying is not None or self._switching or self.state is not KdState.STOPPED:
            return
        message = self._relayed.popleft()
        if message.api in CONTINUES:
            self._relayed.clear()
            self._owned = False
            self.held = False
        elif message.api != Api.SWITCH_PROCESSOR:
            self._relaying = message.api
        self._request_of_ours(message)

    def _pump(self, now: float) -> None:
        if self.link.busy:
            return
        if not self._queue:
            self._relay_next()
        if not self._queue:
            return
        kind, payload = self._queue.popleft()
        if kind == PacketType.STATE_MANIPULATE and manipulate.decode(payload).api in CONTINUES:
            self._continuing = self.stop
        self.link.send(kind, payload, now)

    def _emit_raw(self, lines: list[str]) -> None:
        for line in lines:
            self._emit(RawEvent(text=line))
