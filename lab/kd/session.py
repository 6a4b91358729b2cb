"""What the host says to the target and when: answers to stops, prompts and file requests. No I/O, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from lab.kd import debug_io, file_io, manipulate, state_change
from lab.kd.errors import MalformedMessageError
from lab.kd.events import KdEvent, NoteEvent, PrintEvent, PromptEvent, RawEvent, ResyncEvent, TraceEvent
from lab.kd.file_server import FileServer
from lab.kd.kd_state import KdState
from lab.kd.link import Acknowledged, Link, LinkEvent, LinkState, Received, Resynchronised
from lab.kd.owner import Owner
from lab.kd.packets import Noise, PacketType
from lab.kd.policy import Policy
from lab.kd.raw_text import RawText
from lab.kd.run_control import RunControl


class Session:
    """One target, from the first byte on. Used by one thread; `emit` gets every event, in order."""

    def __init__(self, policy: Policy, emit: Callable[[KdEvent], None]) -> None:
        self.link = Link()
        self.run = RunControl(self.link, policy, emit)
        self.files = FileServer(emit)
        self._emit = emit
        self._incoming: list[LinkEvent] = []
        self._answers: deque[tuple[int, bytes]] = deque()
        """To prompts and file requests: the target waits for them while it runs."""
        self._raw = RawText()

    @property
    def state(self) -> KdState:
        return self.run.state

    # --- bytes and time ---

    def receive(self, data: bytes, now: float) -> bytes:
        """Take bytes; return what must be sent at once. `work` then deals with what they say."""
        self._incoming += self.link.receive(data, now)
        return self.link.take_output()

    @property
    def has_news(self) -> bool:
        """Did the bytes so far say anything that `work` has not dealt with?"""
        return bool(self._incoming)

    def work(self, now: float) -> bytes:
        """Deal with everything received and due; return what is to be sent."""
        self._incoming += self.link.tick(now)
        incoming, self._incoming = self._incoming, []
        for event in incoming:
            self._handle(event, now)
        if self._raw.due is not None and now >= self._raw.due:
            self._emit_raw(self._raw.flush())
        self.run.work(now)
        self._send_next(now)
        return self.link.take_output()

    @property
    def due(self) -> float | None:
        """When `work` wants to be called next, with or without bytes."""
        times = [self.link.due, self._raw.due, self.run.due]
        return min((each for each in times if each is not None), default=None)

    def end(self, error: Callable[[], Exception], state: KdState) -> None:
        """The link is gone: everybody who waits gets an error."""
        self.files.close()
        self.run.fail(error, state)

    # --- an owner's part ---

    def detach(self, owner: Owner, now: float) -> None:
        """The owner leaves: what it holds or has not answered goes on by policy. Nothing if it is not attached."""
        prompt = self.run.detach(owner, now)
        if prompt is not None:
            self._answer_by_policy(prompt)

    def answer_prompt(self, payload: bytes) -> None:
        """The owner's answer to a prompt; ignored when there is none."""
        prompt, self.run.ownership.prompt = self.run.ownership.prompt, None
        if prompt is not None:
            self._answers.append((PacketType.DEBUG_IO, payload))
            answer = payload[debug_io.HEADER_SIZE :].decode("latin-1")
            self._emit(PromptEvent(processor=prompt.processor, text=prompt.prompt.decode("latin-1"), answer=answer))

    # --- snapshots ---

    def freeze(self) -> LinkState:
        """Everything that must go back in time when the target does."""
        answers = [[kind, payload.hex()] for kind, payload in self._answers]
        return self.link.freeze(self.run.to_json() | {"queue": answers})

    def thaw(self, state: LinkState, now: float) -> None:
        """The target went back to where it was at `freeze`."""
        self._incoming = []
        self._raw = RawText()
        self.link.thaw(state, now)
        self._answers = deque((int(kind), bytes.fromhex(payload)) for kind, payload in state.session.get("queue", []))
        self.run.restore(state.session, now)

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
            if event.type == PacketType.STATE_MANIPULATE:
                self.run.acknowledged(event, now)
        elif isinstance(event, Resynchronised):
            self._resynchronised(event, now)

    def _message(self, packet: Received, now: float) -> None:
        self.run.heard()
        if self.run.must_run(packet.payload, reply=packet.type is PacketType.STATE_MANIPULATE):
            for event in self.link.assume_acknowledged():
                self._handle(event, now)
        try:
            match packet.type:
                case PacketType.DEBUG_IO:
                    self._debug_io(debug_io.decode(packet.payload), packet.payload)
                case PacketType.STATE_CHANGE64:
                    self.run.stopped(state_change.decode(packet.payload), now)
                case PacketType.STATE_MANIPULATE:
                    self.run.reply(manipulate.decode(packet.payload))
                case PacketType.FILE_IO:
                    self._answers.append((PacketType.FILE_IO, self.files.answer(file_io.decode(packet.payload))))
                case PacketType.TRACE_IO:
                    self._emit(TraceEvent(payload=packet.payload))
                case other:
                    self._emit(NoteEvent(text=f"{other.name} packet of {len(packet.payload)} bytes"))
        except MalformedMessageError as error:
            self._emit(NoteEvent(text=f"a message that cannot be understood: {error}"))
            if packet.type is PacketType.STATE_CHANGE64:
                self.run.stopped(state_change.decode_any(packet.payload), now)

    def _debug_io(self, message: debug_io.PrintString | debug_io.GetString, payload: bytes) -> None:
        if isinstance(message, debug_io.GetString):
            if not self.run.ownership.ask(message, payload):
                self._answer_by_policy(message)
            return
        self.run.ownership.printed(payload)
        text = message.text.decode("latin-1")
        origin = message.origin
        if origin is None:
            self._emit(PrintEvent(processor=message.processor, text=text))
        else:
            self._emit(
                PrintEvent(
                    processor=message.processor,
                    text=text,
                    component=origin.component,
                    level=origin.level,
                    process=origin.process,
                )
            )
        for event in self.run.answering.reasons.printed(text, message.processor):
            self._emit(event)

    def _answer_by_policy(self, prompt: debug_io.GetString) -> None:
        text = prompt.prompt.decode("latin-1")
        reply, failed = self.run.answering.policy.answer(text)
        self._answers.append((PacketType.DEBUG_IO, prompt.answer(reply.encode("latin-1", "replace"))))
        self._emit(PromptEvent(processor=prompt.processor, text=text, answer=reply, failed=failed))

    def _resynchronised(self, event: Resynchronised, now: float) -> None:
        self._answers.clear()
        if not event.by_reset:
            self.files.close()
            self._emit(ResyncEvent())
        self.run.resynchronised(now, by_reset=event.by_reset)

    # --- sending ---

    def _send_next(self, now: float) -> None:
        if self.link.busy:
            return
        if self._answers:
            self.link.send(*self._answers.popleft(), now)
            return
        message = self.run.next_message(now)
        if message is not None:
            self.link.send(PacketType.STATE_MANIPULATE, message, now)

    def _emit_raw(self, lines: list[str]) -> None:
        for line in lines:
            self._emit(RawEvent(text=line))
