"""A session that is watched: after everything that is done to it, what it sent is held against the protocol's rules."""

from __future__ import annotations

import struct
from concurrent.futures import Future
from dataclasses import dataclass

from lab.kd.events import KdEvent, StopEvent, describe
from lab.kd.kd_state import KdState
from lab.kd.link import LinkState
from lab.kd.manipulate import CONTINUES, Manipulate
from lab.kd.packets import (
    ALTERNATE_STATE,
    CONTROL_TYPES,
    DATA_TYPES,
    HEADER_SIZE,
    INITIAL_ID,
    MAX_PAYLOAD,
    SYNC_BIT,
    TRAILER,
    PacketType,
    encode_control,
    encode_data,
)
from lab.kd.policy import Policy
from lab.kd.session import Session

IDS = (INITIAL_ID, INITIAL_ID | 1)
MAX_HELD = HEADER_SIZE + MAX_PAYLOAD + 1
MAX_STATE = 200_000
"""Characters: all that a session keeps, whatever the target sends."""
SETTLED_WITHIN = 5.0
"""Seconds of silence after which no damaged beginning of a packet may be held any more."""
PATIENCE = 2.0
"""No other message may take the place of one that was not acknowledged for less."""
_HEADER = struct.Struct("<4sHHII")


@dataclass(frozen=True)
class Sent:
    """A packet of the host's."""

    type: int
    id: int = 0
    payload: bytes = b""

    @property
    def api(self) -> int:
        return int.from_bytes(self.payload[:4], "little")


def cut(raw: bytes) -> list[Sent | None]:
    """The packets in bytes that were never damaged; None for a break-in. Fails on anything else."""
    packets: list[Sent | None] = []
    at = 0
    while at < len(raw):
        if raw[at] == ord("b"):
            packets.append(None)
            at += 1
            continue
        leader, kind, count, packet_id, checksum = _HEADER.unpack_from(raw, at)
        if leader == b"iiii":
            assert kind in CONTROL_TYPES, f"no control packet: {raw[at:].hex()}"
            assert (count, checksum) == (0, 0)
            packets.append(Sent(kind, packet_id))
            at += HEADER_SIZE
            continue
        assert leader == b"0000", f"no packet: {raw[at:].hex()}"
        assert kind in DATA_TYPES
        payload = raw[at + HEADER_SIZE : at + HEADER_SIZE + count]
        at += HEADER_SIZE + count + 1
        assert raw[at - 1] == TRAILER
        assert len(payload) == count <= MAX_PAYLOAD
        assert sum(payload) == checksum
        packets.append(Sent(kind, packet_id, payload))
    return packets


class CheckedSession:
    """Bytes, time and commands in any order. Every method raises AssertionError when a rule is broken."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.events = 0
        self.last_event: KdEvent | None = None
        self.session = Session(policy or Policy(), self._emit)
        self.now = 1000.0
        self.clean = True
        """Every byte so far belonged to a whole packet, or was given up since."""
        self.stops_seen = 0
        self.continues_sent = 0
        self._outstanding: Sent | None = None
        self._sent_at = 0.0
        self._heard = False
        self._stopped = False
        self._continued_stop = 0
        self._futures: list[Future[object]] = []
        self.requests: list[Future[Manipulate]] = []

    # --- what can happen ---

    def noise(self, data: bytes) -> None:
        """Any bytes. May be packets all the same."""
        self.clean = False
        self._heard = True
        # What is in there is not known here: allow for the worst.
        self._stopped = True
        self.stops_seen += len(data)
        self._receive(data)

    def packet(self, kind: int, packet_id: int, payload: bytes) -> None:
        """A well-formed data packet: acknowledged in the same breath, whatever it says."""
        self._heard = True
        if kind == PacketType.STATE_CHANGE64:
            self._stopped = True
            self.stops_seen += 1
        elif packet_id & SYNC_BIT and packet_id & ~SYNC_BIT in IDS:
            self._outstanding = None
        sent = self._receive(encode_data(kind, packet_id, payload))
        if self.clean and plausible(kind, payload):
            acknowledged = [each.id for each in sent if each and each.type == PacketType.ACKNOWLEDGE]
            assert acknowledged == [packet_id & ~SYNC_BIT], f"{kind} {packet_id:#x}: acknowledged {acknowledged}"

    def control(self, kind: int, packet_id: int) -> None:
        """A control packet."""
        self._heard = True
        outstanding = self._outstanding
        if kind == PacketType.ACKNOWLEDGE and outstanding and packet_id == outstanding.id:
            self._outstanding = None
            continued = outstanding.type == PacketType.STATE_MANIPULATE and outstanding.api in CONTINUES
            if continued and self._continued_stop == self.stops_seen:
                self._stopped = False
        if kind == PacketType.RESET:
            self._outstanding = None
        sent = self._receive(encode_control(kind, packet_id))
        if self.clean and kind == PacketType.ACKNOWLEDGE:
            assert sent == [], "an acknowledgement was answered"

    def acknowledge(self) -> None:
        """What the target would say to our packet."""
        if self._outstanding:
            self.control(PacketType.ACKNOWLEDGE, self._outstanding.id)

    def wait(self, seconds: float) -> None:
        """Let time pass, with a call of `work` whenever one is due."""
        end = self.now + seconds
        rounds = 0
        while (due := self.session.due) is not None and due <= end:
            self.now = max(self.now, due)
            # What was held behind a damaged packet is heard when that is given up.
            self._heard |= not self.clean
            self._work()
            rounds += 1
            assert rounds < 100 + 20 * seconds, "it spins"
        self.now = end
        self._work()

    def settle(self) -> None:
        """Silence. Then nothing damaged is held any more."""
        self.wait(SETTLED_WITHIN)
        assert self.session.freeze().pending == "", "silence did not end a damaged packet"
        self.clean = True

    def break_in(self, *, hold: bool) -> None:
        future: Future[StopEvent | None] = Future()
        self._futures.append(future)  # type: ignore[arg-type]
        self.session.run.ask_break_in(future, self.now, hold=hold)
        self._work()

    def resume(self) -> None:
        future: Future[None] = Future()
        self._futures.append(future)  # type: ignore[arg-type]
        self.session.run.resume(future, self.now)
        self._work()

    def request(self, message: Manipulate) -> None:
        future: Future[Manipulate] = Future()
        self.requests.append(future)
        self.session.run.request(message, future)
        self._work()

    def forget_request(self) -> None:
        if self.requests:
            self.session.run.forget(self.requests[-1], self.now)
        self._work()

    def snapshot(self) -> LinkState:
        """Through JSON, as it is stored."""
        return LinkState.from_json(self.session.freeze().to_json())

    def restore(self, state: LinkState) -> None:
        self.session.thaw(state, self.now)
        self._outstanding = None
        self._heard = True
        self._stopped = True
        self.stops_seen += 1
        self.clean = False
        self._work()

    def fail(self) -> None:
        """The connection breaks: nobody waits for ever."""
        self.session.end(lambda: ConnectionError("gone"), KdState.LOST)
        assert all(future.done() for future in self._futures), "somebody waits for ever"

    # --- the rules ---

    def _receive(self, data: bytes) -> list[Sent | None]:
        sent = self._check(self.session.receive(data, self.now))
        assert len(self.session.freeze().pending) // 2 <= MAX_HELD, "unbounded memory in the parser"
        self._work()
        return sent

    def _work(self) -> None:
        for _ in range(4):
            self._check(self.session.work(self.now))
            if self.session.due is None or self.session.due > self.now:
                break
        else:
            raise AssertionError(f"it spins: due {self.session.due} at {self.now}")
        state = self.session.freeze()
        assert state.send_id in IDS
        assert len(str(state.session)) <= MAX_STATE, "unbounded memory in the session"
        assert self.continues_sent <= self.stops_seen, "a Continue without a stop"

    def _check(self, raw: bytes) -> list[Sent | None]:
        sent = cut(raw)
        for packet in sent:
            if packet is None:
                continue
            if packet.type in CONTROL_TYPES:
                assert packet.id & SYNC_BIT == 0
                assert packet.type != PacketType.RESEND, "it asks to resend"
                # Behind a damaged packet several may be held, and heard at once.
                self._heard |= packet.type == PacketType.ACKNOWLEDGE
            else:
                self._check_data(packet)
        return sent

    def _check_data(self, packet: Sent) -> None:
        assert packet.id in IDS
        assert packet.type in (PacketType.STATE_MANIPULATE, PacketType.DEBUG_IO, PacketType.FILE_IO)
        if packet == self._outstanding:
            return
        if self._outstanding and not self._heard:
            assert self.now >= self._sent_at + PATIENCE, "a second packet before the first was acknowledged"
        if packet.type == PacketType.STATE_MANIPULATE:
            assert self._stopped, f"request {packet.api:#x} to a target that runs"
            if packet.api in CONTINUES:
                self.continues_sent += 1
                self._continued_stop = self.stops_seen
        self._outstanding = packet
        self._sent_at = self.now
        self._heard = False

    def _emit(self, event: KdEvent) -> None:
        self.events += 1
        self.last_event = event
        describe(event)


def plausible(kind: int, payload: bytes) -> bool:
    """Does the payload not plainly belong to another type of packet? Then a damaged header is assumed."""
    families = {0x30: 7, 0x31: 2, 0x32: 3, 0x33: 9, 0x34: 11, 0x43: 10}
    api = int.from_bytes(payload[:4], "little") & ~ALTERNATE_STATE
    return families.get(api >> 8, kind) == kind
