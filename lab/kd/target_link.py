"""The target's side of a serial link as a state machine without I/O: bytes and time in, events and bytes out.

It is what a debugger finds that attaches to this client instead of the target itself: ids start at INITIAL with the
SYNC bit, one packet is on its way at a time and is sent again until it is acknowledged, RESET restarts both id
streams. Unlike a kernel it reads while it waits for an acknowledgement, so that nothing of the debugger's is lost.

Times are seconds of any clock that does not go back.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.kd import state_change
from lab.kd.debug_io import PRINT_STRING
from lab.kd.packets import (
    ALTERNATE_STATE,
    BREAK_IN,
    INITIAL_ID,
    SYNC_BIT,
    ControlPacket,
    DataPacket,
    Noise,
    PacketType,
    Parser,
    encode_control,
    encode_data,
)

RETRANSMIT_AFTER = 0.5
TRIES = 20
INCOMPLETE_AFTER = 1.0
"""A packet that has begun and gets no more bytes for so long is damaged."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A data packet of the debugger's: acknowledged, in order, given out once."""

    type: PacketType
    payload: bytes


@dataclass(frozen=True, slots=True)
class BreakIn:
    """The debugger wants the target to stop."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The debugger restarts the link. What was on its way is sent again; a stop must be repeated."""

    resent: bool
    """Something was on its way."""


@dataclass(frozen=True, slots=True)
class NotAcknowledged:
    """TRIES transmissions, no acknowledgement. What can be lost was given up; anything else is still sent again."""

    type: PacketType
    payload: bytes
    dropped: bool


TargetLinkEvent = Asked | BreakIn | Reset | NotAcknowledged


class TargetLink:
    """Target side of one serial kernel debugger connection."""

    def __init__(self) -> None:
        self._parser = Parser()
        self._send_id = INITIAL_ID | SYNC_BIT
        self._expected_id = INITIAL_ID
        self._sending: tuple[PacketType, bytes] | None = None
        self._tries = 0
        self._resend_at = 0.0
        self._begun = 0.0
        self._output = bytearray()

    @property
    def busy(self) -> bool:
        """The last packet is not acknowledged yet: another must wait."""
        return self._sending is not None

    @property
    def due(self) -> float | None:
        """When `tick` wants to be called next; None for no need."""
        times = [self._resend_at] if self._sending else []
        if self._parser.pending:
            times.append(self._begun + INCOMPLETE_AFTER)
        return min(times) if times else None

    def take_output(self) -> bytes:
        """Bytes to send to the debugger now."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def restart(self) -> None:
        """Begin anew, like a target that boots: the debugger learns it by the SYNC bit of the next packet."""
        self._sending = None
        self._send_id = INITIAL_ID | SYNC_BIT
        self._expected_id = INITIAL_ID

    def send(self, packet_type: PacketType, payload: bytes, now: float) -> None:
        """Send a data packet. Only when not `busy`."""
        if self._sending is not None:
            raise RuntimeError("one data packet at a time")
        self._sending = (packet_type, payload)
        self._tries = 0
        self._transmit(now)

    def receive(self, data: bytes, now: float) -> list[TargetLinkEvent]:
        """Take bytes from the debugger."""
        events: list[TargetLinkEvent] = []
        for item in self._parser.feed(data):
            if isinstance(item, DataPacket):
                self._data(item, events)
            elif isinstance(item, ControlPacket):
                self._control(item, events, now)
            else:
                self._noise(item, events)
        self._begun = now
        return events

    def tick(self, now: float) -> list[TargetLinkEvent]:
        """Let time pass: send again what was not acknowledged, give up what will not be completed."""
        events: list[TargetLinkEvent] = []
        while self._parser.pending and now >= self._begun + INCOMPLETE_AFTER:
            for item in self._parser.give_up():
                if isinstance(item, DataPacket):
                    self._data(item, events)
                elif isinstance(item, ControlPacket):
                    self._control(item, events, now)
        if self._sending and now >= self._resend_at:
            self._retry(now, events)
        return events

    def _retry(self, now: float, events: list[TargetLinkEvent]) -> None:
        assert self._sending  # noqa: S101
        if self._tries < TRIES:
            self._transmit(now)
            return
        packet_type, payload = self._sending
        dropped = _can_be_lost(packet_type, payload)
        events.append(NotAcknowledged(packet_type, payload, dropped))
        if dropped:
            self.restart()
        else:
            self._tries = 0
            self._transmit(now)

    def _transmit(self, now: float) -> None:
        assert self._sending  # noqa: S101
        self._output += encode_data(self._sending[0], self._send_id, self._sending[1])
        self._tries += 1
        self._resend_at = now + RETRANSMIT_AFTER

    def _noise(self, noise: Noise, events: list[TargetLinkEvent]) -> None:
        if BREAK_IN in noise.data:
            events.append(BreakIn())

    def _data(self, packet: DataPacket, events: list[TargetLinkEvent]) -> None:
        # Acknowledged even if it will be ignored: so does a kernel, and debuggers rely on it.
        self._output += encode_control(PacketType.ACKNOWLEDGE, packet.packet_id)
        if packet.packet_id == self._expected_id:
            self._expected_id ^= 1
            events.append(Asked(packet.type, packet.payload))

    def _control(self, packet: ControlPacket, events: list[TargetLinkEvent], now: float) -> None:
        if packet.type is PacketType.ACKNOWLEDGE:
            if self._sending and packet.packet_id == self._send_id & ~SYNC_BIT:
                self._sending = None
                self._send_id = (self._send_id & ~SYNC_BIT) ^ 1
        elif packet.type is PacketType.RESEND:
            if self._sending:
                self._output += encode_data(self._sending[0], self._send_id, self._sending[1])
        else:
            self._output += encode_control(PacketType.RESET)
            self._send_id = self._expected_id = INITIAL_ID
            if self._sending and self._sending[0] is PacketType.STATE_MANIPULATE:
                self._sending = None  # the debugger has forgotten what it asked
            events.append(Reset(self._sending is not None))
            if self._sending:
                self._tries = 0
                self._transmit(now)


def _can_be_lost(packet_type: PacketType, payload: bytes) -> bool:
    """Messages that a kernel gives up when no debugger answers: prints, module loads, file requests."""
    api = int.from_bytes(payload[:4], "little")
    if packet_type is PacketType.STATE_CHANGE64:
        return api & ~ALTERNATE_STATE == state_change.LOAD_SYMBOLS
    return packet_type is PacketType.FILE_IO or (packet_type is PacketType.DEBUG_IO and api == PRINT_STRING)
