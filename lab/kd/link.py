"""The link layer as a state machine without I/O: bytes and time in, events and bytes out.

Rules it keeps: every whole data packet is acknowledged at once, duplicates included; what the target sends again
is recognised and given out once; of our own data packets one at a time is on its way, and it is sent again
until it is acknowledged. It never asks the target to resend: the target does so by itself, and a request that
comes late makes it repeat a stop that has been answered already.

What the protocol cannot mend, because a header has no checksum: a wrong lowest bit in the id of a packet that is
sent again makes it look new (its text is given out again); a SYNC bit that noise sets looks like a restart (harmless
for text; the next stop is answered with a delay, but the answer to a prompt can be ignored); a request whose type is
damaged is acknowledged and ignored. And what a target drops that nobody acknowledged, twenty times, is gone.
tests/faults/test_unmendable.py has the whole list.

Times are seconds of any clock that does not go back.
"""

from __future__ import annotations

from typing import Any

from lab.kd.link_events import Acknowledged, Counters, LinkEvent, Received, Resynchronised
from lab.kd.link_state import LinkState
from lab.kd.packets import (
    BREAK_IN,
    INITIAL_ID,
    SYNC_BIT,
    ControlPacket,
    DataPacket,
    Item,
    Noise,
    PacketType,
    Parser,
    encode_control,
    encode_data,
)

__all__ = ["Acknowledged", "Link", "LinkEvent", "LinkState", "Received", "Resynchronised"]

RETRANSMIT_AFTER = 1.0
SILENT_GAP = 0.3
"""A packet that has begun and gets no more bytes for so long is damaged: a target sends packets in one go."""
OVERTAKEN_AFTER = 0.1
"""So long after a packet began, a whole packet found behind its beginning shows that it is damaged."""
TOO_LONG = 1.5
"""No packet takes so long, even at 115200 baud."""
LEGAL_IDS = (INITIAL_ID, INITIAL_ID | 1)
"""They take turns. Only the first of a stream has the SYNC bit, too."""


class Link:
    """Host side of one serial kernel debugger connection."""

    def __init__(self) -> None:
        self.counters = Counters()
        self._begin()

    def _begin(self) -> None:
        self._parser = Parser()
        self._send_id = INITIAL_ID
        self._expected_id: int | None = None
        self._outstanding: tuple[int, bytes] | None = None
        self._transmissions = 0
        self._resend_at = 0.0
        self._last: tuple[int, int, bytes] | None = None
        self._output = bytearray()
        self._begun: float | None = None
        self._latest = 0.0
        self._looked_behind = False
        self._reset_sent = False
        self._since_reset: tuple[int, bytes] | None = None
        self._after_reset: tuple[int, bytes] | None = None
        self.doubtful = False
        """The newest SYNC bit may have been noise: the target's stream went on as if nothing had happened."""

    @property
    def busy(self) -> bool:
        """Our last data packet is not acknowledged yet: another must wait."""
        return self._outstanding is not None

    @property
    def due(self) -> float | None:
        """When `tick` wants to be called next; None for no need."""
        times = [self._resend_at] if self._outstanding else []
        if self._begun is not None:
            times.append(min(self._latest + SILENT_GAP, self._begun + TOO_LONG))
            if not self._looked_behind:
                times.append(self._begun + OVERTAKEN_AFTER)
        return min(times) if times else None

    @property
    def missing(self) -> int:
        """At least so many bytes are needed to complete a packet that has begun; 0: none has."""
        return self._parser.missing

    def take_output(self) -> bytes:
        """Bytes to send to the target now."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def receive(self, data: bytes, now: float) -> list[LinkEvent]:
        """Take bytes from the target."""
        events = self._handle(self._parser.feed(data))
        self._watch_parser(now)
        return events

    def tick(self, now: float) -> list[LinkEvent]:
        """Let time pass: send again what was not acknowledged, give up packets that will not be completed."""
        if self._outstanding and now >= self._resend_at:
            self._transmit(now)
            self.counters.retransmissions += 1
        if not self._stuck(now):
            return []
        events: list[LinkEvent] = []
        while self._begun is not None and self._parser.pending:
            events += self._handle(self._parser.give_up())
        self._begun = None
        self._watch_parser(now)
        return events

    def send(self, packet_type: int, payload: bytes, now: float) -> None:
        """Send a data packet. Only when not `busy`."""
        if self._outstanding is not None:
            raise RuntimeError("one data packet at a time")
        self._outstanding = (packet_type, payload)
        self._transmissions = 0
        self._transmit(now)

    @property
    def transmissions(self) -> int:
        """How often the data packet that is not acknowledged was sent; 0 when there is none."""
        return self._transmissions if self._outstanding else 0

    @property
    def outstanding_request(self) -> bytes | None:
        """Payload of our STATE_MANIPULATE that is not acknowledged; None when there is none."""
        if self._outstanding is None or self._outstanding[0] != PacketType.STATE_MANIPULATE:
            return None
        return self._outstanding[1]

    def assume_acknowledged(self) -> list[LinkEvent]:
        """The target did what our data packet asked: its acknowledgement was lost."""
        events: list[LinkEvent] = []
        self._control(ControlPacket(PacketType.ACKNOWLEDGE, self._send_id), events)
        return events

    def abandon(self) -> None:
        """Give up the data packet that is not acknowledged; the next one takes its id."""
        self._outstanding = None

    def send_break_in(self) -> None:
        """Ask a running target to stop."""
        self._output += BREAK_IN

    def send_reset(self) -> None:
        """Ask the target to restart both id streams: for attaching and recovery only."""
        self._reset_sent = True
        self._since_reset = None
        self._output += encode_control(PacketType.RESET)

    def freeze(self, session: dict[str, Any]) -> LinkState:
        """The state to store with a snapshot of the target."""
        return LinkState(
            self._send_id,
            self._expected_id,
            (self._outstanding[0], self._outstanding[1].hex()) if self._outstanding else None,
            (self._last[0], self._last[1], self._last[2].hex()) if self._last else None,
            self._parser.pending.hex(),
            session,
        )

    def thaw(self, state: LinkState, now: float) -> None:
        """Go back to `state`, as the target did. What this link was in the middle of is forgotten."""
        self._begin()
        self._send_id = state.send_id
        self._expected_id = state.expected_id
        if state.outstanding:
            self._outstanding = (state.outstanding[0], bytes.fromhex(state.outstanding[1]))
            self._resend_at = now + RETRANSMIT_AFTER
        if state.last:
            self._last = (state.last[0], state.last[1], bytes.fromhex(state.last[2]))
        self._parser.feed(bytes.fromhex(state.pending))
        self._watch_parser(now)

    def _transmit(self, now: float) -> None:
        assert self._outstanding  # noqa: S101
        self._output += encode_data(self._outstanding[0], self._send_id, self._outstanding[1])
        self._transmissions += 1
        self._resend_at = now + RETRANSMIT_AFTER

    def _watch_parser(self, now: float) -> None:
        """Note when the packet that the parser holds began and last grew."""
        self._latest = now
        self._looked_behind = False
        if not self._parser.pending:
            self._begun = None
        elif self._begun is None:
            self._begun = now

    def _stuck(self, now: float) -> bool:
        """Will the packet that the parser holds never be completed?"""
        if self._begun is None:
            return False
        if now >= self._latest + SILENT_GAP or now >= self._begun + TOO_LONG:
            return True
        if self._looked_behind or now < self._begun + OVERTAKEN_AFTER:
            return False
        self._looked_behind = True
        return self._parser.whole_packet_behind()

    def _handle(self, items: list[Item]) -> list[LinkEvent]:
        events: list[LinkEvent] = []
        for item in items:
            if isinstance(item, DataPacket):
                self._data(item, events)
            elif isinstance(item, ControlPacket):
                self._control(item, events)
            else:
                self.counters.noise_bytes += len(item.data)
                events.append(item)
        if any(not isinstance(item, Noise) for item in items):
            self._begun = None
        return events

    def _data(self, packet: DataPacket, events: list[LinkEvent]) -> None:
        plain_id = packet.packet_id & ~SYNC_BIT
        self._output += encode_control(PacketType.ACKNOWLEDGE, plain_id)
        if plain_id not in LEGAL_IDS:
            # A damaged id. The target ignores the acknowledgement of an id that it did not send, and sends again.
            self.counters.duplicates += 1
            return
        content = (int(packet.type), packet.payload)
        if packet.packet_id & SYNC_BIT:
            if self._last == (plain_id, *content):
                self.counters.duplicates += 1
                return
            doubtful = plain_id == self._expected_id and self._send_id != INITIAL_ID
            self._restart_streams(events, by_reset=False)
            self._expected_id = plain_id
            self.doubtful = doubtful
        if self._expected_id is None:
            self._expected_id = plain_id
        if plain_id != self._expected_id:
            self.counters.duplicates += 1
            return
        self._expected_id ^= 1
        self._last = (plain_id, *content)
        repeated = self._after_reset == content and packet.type is not PacketType.STATE_CHANGE64
        self._after_reset = None
        if self._reset_sent:
            self._since_reset = content
        if repeated:
            self.counters.duplicates += 1
            return
        self.counters.accepted += 1
        events.append(Received(packet.type, packet.payload))

    def _control(self, packet: ControlPacket, events: list[LinkEvent]) -> None:
        if packet.type is PacketType.ACKNOWLEDGE:
            if self._outstanding and packet.packet_id == self._send_id:
                packet_type, payload = self._outstanding
                self._outstanding = None
                self._send_id ^= 1
                events.append(Acknowledged(packet_type, payload))
        elif packet.type is PacketType.RESEND:
            if self._outstanding:
                self._output += encode_data(self._outstanding[0], self._send_id, self._outstanding[1])
                self.counters.retransmissions += 1
        else:
            self._reset(events)

    def _reset(self, events: list[LinkEvent]) -> None:
        """The target's answer to our RESET, or its own, which is answered once.

        What the target sent and nobody had acknowledged when it saw a RESET, it sends again under a new id. That
        is what was accepted after our RESET had left; or, if it was not ours, whatever came last.
        """
        ours = self._reset_sent
        if ours:
            repeated = self._since_reset or self._after_reset
        else:
            repeated = self._last[1:] if self._last else None
            self._output += encode_control(PacketType.RESET)
        self._restart_streams(events, by_reset=True)
        self._reset_sent = not ours
        self._after_reset = repeated

    def _restart_streams(self, events: list[LinkEvent], *, by_reset: bool) -> None:
        self._send_id = INITIAL_ID
        self._expected_id = INITIAL_ID
        self.doubtful = False
        self._outstanding = None
        self._reset_sent = False
        self._since_reset = None
        self._after_reset = None
        self._last = None
        self.counters.resyncs += 1
        events.append(Resynchronised(by_reset))
