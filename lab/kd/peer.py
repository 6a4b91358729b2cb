"""A debugger attached behind ours: it talks to us as if we were the target, while our own log goes on."""

from __future__ import annotations

import struct
import threading
import time
from collections import deque

from lab.errors import LabError
from lab.kd import manipulate
from lab.kd.client import KdClient, KdState
from lab.kd.debug_io import GET_STRING, PrintString
from lab.kd.errors import MalformedMessageError
from lab.kd.footprint import Footprint
from lab.kd.manipulate import CONTINUES
from lab.kd.packets import PacketType
from lab.kd.target_link import Asked, BreakIn, NotAcknowledged, Reset, TargetLink, TargetLinkEvent
from lab.kd.transport import Transport

QUEUE_LIMIT = 8 << 20
"""Bytes that wait for a debugger that does not read; then it is sent away."""
ERASE_WITHIN = 5.0
CHUNK = 1 << 16
_GET_STRING = struct.pack("<I", GET_STRING)
_RESTARTED = PrintString(0, 0, b"\nlab: the target restarted, or went back to a snapshot\n").encode()

_Message = tuple[PacketType, bytes]


class Peer:
    """The client's owner while a debugger is connected; `serve` runs on a thread of its own.

    The client never waits for it: what the target says is queued here, up to a limit.
    """

    def __init__(self, transport: Transport, client: KdClient) -> None:
        self._transport = transport
        self._client = client
        self._link = TargetLink()
        self._lock = threading.Lock()
        self._queue: deque[_Message | None] = deque()
        """What to tell the debugger; None: the target restarted."""
        self._queued = 0
        self._sent_away = ""
        self._awaiting: _Message | None = None
        """The stop or prompt that the debugger was told of and has not answered."""
        self._asked: int | None = None
        """The request to which the debugger awaits a reply."""
        self.footprint = Footprint()
        self.leaving = False

    def send_away(self, why: str) -> None:
        """Make `serve` return soon, with `why`."""
        self._sent_away = self._sent_away or why
        self._transport.wake()

    # --- the owner's part, on the client's reader thread ---

    def printed(self, payload: bytes) -> None:
        self._put((PacketType.DEBUG_IO, payload))

    def stopped(self, payload: bytes) -> None:
        self.footprint.stopped(payload)
        self._put((PacketType.STATE_CHANGE64, payload))

    def replied(self, payload: bytes) -> None:
        self.footprint.replied(manipulate.decode(payload))
        self._put((PacketType.STATE_MANIPULATE, payload))

    def prompted(self, payload: bytes) -> None:
        self._put((PacketType.DEBUG_IO, payload))

    def lost(self) -> None:
        self.footprint.void()
        with self._lock:
            self._queue.clear()
            self._queued = 0
        self._put(None)
        if self._client.state in (KdState.LOST, KdState.CLOSED):
            self.send_away("was sent away: the link to the target is gone")

    def _put(self, message: _Message | None) -> None:
        with self._lock:
            if self.leaving or self._sent_away:
                return
            idle = not self._queue
            self._queue.append(message)
            self._queued += len(message[1]) if message else 0
            full = self._queued > QUEUE_LIMIT
        if full:
            self.send_away(f"was sent away: it did not take {self._queued >> 20} MiB that the target said")
        elif idle:
            self._transport.wake()

    # --- on its own thread ---

    def serve(self) -> str:
        """Be the target for the debugger until it leaves, then take back what it changed; return how it left.

        Raises LabError when it cannot be attached.
        """
        try:
            self._client.attach(self)
        except LabError:
            self._transport.close()
            raise
        try:
            how = self._serve()
        except OSError as error:
            how = f"left: {error.strerror or error}"
        finally:
            self.leaving = True
            self._transport.close()
            erased = self._take_over()
        return how if erased else f"{how}; what it changed in the target could not be taken back"

    def _take_over(self) -> bool:
        """Leave the target as if the debugger had never been there; return whether that is certain."""
        changed = self.footprint.remains
        try:
            self.footprint.erase(self._client, ERASE_WITHIN)
        except LabError:
            return True  # the target is gone, and all with it
        finally:
            self._client.detach(self)
        if not changed:
            return True
        try:
            self._client.sync(ERASE_WITHIN)  # the next stop clears them, and this one is soon
        except LabError:
            return False
        return True

    def _serve(self) -> str:
        while True:
            data = self._transport.recv(CHUNK, self._patience())
            now = time.monotonic()
            if data == b"":
                return "left"
            for event in [*self._link.receive(data or b"", now), *self._link.tick(now)]:
                if isinstance(event, NotAcknowledged):
                    return "was sent away: it does not acknowledge what the target says"
                self._obey(event)
            while self._queue and not self._link.busy:
                self._tell_next(now)
            self._transport.send(self._link.take_output())
            if self._sent_away:
                return self._sent_away

    def _patience(self) -> float | None:
        due = self._link.due
        return None if due is None else max(due - time.monotonic(), 0.0)

    def _tell_next(self, now: float) -> None:
        with self._lock:
            if not self._queue:
                return
            message = self._queue.popleft()
            self._queued -= len(message[1]) if message else 0
        if message is None:
            self._restart(now)
            return
        packet_type, payload = message
        if packet_type is PacketType.STATE_MANIPULATE:
            if self._asked != int.from_bytes(payload[:4], "little"):
                return  # it has forgotten the question: the link was reset since
            self._asked = None
        elif packet_type is PacketType.STATE_CHANGE64 or payload.startswith(_GET_STRING):
            self._awaiting = message
        self._link.send(packet_type, payload, now)

    def _restart(self, now: float) -> None:
        held, self._awaiting, self._asked = self._awaiting, None, None
        self._link.restart()
        if held:
            # It believes that the target waits for it; a target that has nothing to say would leave it so.
            self._link.send(PacketType.DEBUG_IO, _RESTARTED, now)

    def _obey(self, event: TargetLinkEvent) -> None:
        if isinstance(event, BreakIn):
            self._client.interrupt()
        elif isinstance(event, Reset):
            self._asked = None
            if self._awaiting and not event.resent:
                with self._lock:
                    self._queue.appendleft(self._awaiting)
                    self._queued += len(self._awaiting[1])
        elif isinstance(event, Asked):
            self._pass_on(event)

    def _pass_on(self, message: Asked) -> None:
        if message.type is PacketType.DEBUG_IO:
            self._awaiting = None
            self._client.answer_prompt(message.payload)
        elif message.type is PacketType.STATE_MANIPULATE:
            try:
                request = manipulate.decode(message.payload)
            except MalformedMessageError:
                return
            if request.api in CONTINUES:
                self._awaiting = self._asked = None
            else:
                self._asked = request.api
            self.footprint.asked(request)
            self._client.relay(message.payload)
