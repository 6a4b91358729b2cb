"""The stub's state machine under simulated time, joined to a host by a line that damages what it carries."""

from __future__ import annotations

import ctypes
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

from .host import (
    ACK,
    BREAK_IN,
    CONTINUE2,
    DEBUG_IO,
    INITIAL,
    MANIPULATE,
    RESEND,
    RESET,
    STATE_CHANGE,
    SYNC,
    control,
    data,
    request,
)


class Target:
    def __init__(self, library: Path, carrier: int, timeout: int = 500, tries: int = 20) -> None:
        self._lib = ctypes.CDLL(str(library))
        self._lib.shim_new.restype = self._lib.shim_copy.restype = ctypes.c_void_p
        self._lib.shim_turn.restype = ctypes.c_size_t
        self._lib.shim_due.restype = ctypes.c_int64
        self._target = ctypes.c_void_p(self._lib.shim_new(carrier, timeout, tries))
        self._out = ctypes.create_string_buffer(65536)

    def receive(self, raw: bytes, now: int) -> None:
        self._lib.shim_receive(self._target, raw, ctypes.c_size_t(len(raw)), ctypes.c_int64(now))

    def turn(self, now: int) -> bytes:
        length = self._lib.shim_turn(self._target, self._out, ctypes.c_size_t(65536), ctypes.c_int64(now))
        return ctypes.string_at(self._out, length)

    def due(self) -> int:
        return int(self._lib.shim_due(self._target))

    def save(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._lib.shim_copy(self._target))

    def restore(self, saved: ctypes.c_void_p) -> None:
        self._lib.shim_free(self._target)
        self._target = ctypes.c_void_p(self._lib.shim_copy(saved))

    def free(self) -> None:
        self._lib.shim_free(self._target)


def unprotected(raw: bytes) -> set[int]:
    """Where one wrong bit makes another valid packet: types and ids, which no checksum covers.

    A print that turns into a state change, an acknowledgement into a reset: the protocol cannot notice.
    """
    places: set[int] = set()
    at = 0
    while at + 16 <= len(raw):
        _, count = struct.unpack_from("<HH", raw, at + 4)
        places.update(range(at + 4, at + 6), range(at + 8, at + 12))
        at += 16 + count + 1 if raw[at] == ord("0") else 16
    return places


class Line:
    """Carries bytes in one direction; some it drops, flips a bit of, cuts, doubles or puts noise into."""

    def __init__(self, rng: random.Random, faults: float) -> None:
        self._rng = rng
        self._faults = faults

    def carry(self, raw: bytes) -> bytes:
        if not raw or self._rng.random() >= self._faults:
            return raw
        kind = self._rng.randrange(5)
        at = self._rng.randrange(len(raw))
        match kind:
            case 0:
                return b""
            case 1 if at not in unprotected(raw):
                return raw[:at] + bytes([raw[at] ^ 1 << self._rng.randrange(8)]) + raw[at + 1 :]
            case 2:
                return raw[:at]
            case 3:
                return raw + raw
            case 4:
                return self._rng.randbytes(self._rng.randrange(1, 20)) + raw
            case _:
                return raw


class SimulatedHost:
    """Does what the protocol asks of a host; tolerant of damage, unlike `Host`."""

    RETRANSMIT = 1000
    GAP = 200

    def __init__(self) -> None:
        self.buffer = b""
        self.expected = self.send_id = INITIAL
        self.last_sync = b""
        self.text = bytearray()
        self.stops: list[bytes] = []
        self.stopped = False
        self.hold = False
        self.pending = b""
        self.sent_at = 0
        self.received_at = 0

    def state(self) -> tuple[int, int, bytes, bool, bytes]:
        return (self.expected, self.send_id, self.last_sync, self.stopped, self.pending)

    def restore(self, state: tuple[int, int, bytes, bool, bytes]) -> None:
        self.expected, self.send_id, self.last_sync, self.stopped, self.pending = state
        self.buffer = b""

    def receive(self, raw: bytes, now: int, send: Callable[[bytes], None]) -> None:
        self.buffer += raw
        self.received_at = now
        self._take_packets(now, send)

    def _take_packets(self, now: int, send: Callable[[bytes], None]) -> None:
        while self.buffer:
            length = self._frame()
            if length == 0:
                return
            if length < 0:
                self.buffer = self.buffer[1:]
                continue
            packet, self.buffer = self.buffer[:length], self.buffer[length:]
            self._handle(packet, now, send)

    def _frame(self) -> int:
        head = self.buffer[:4]
        if head not in (b"0000"[: len(head)], b"iiii"[: len(head)]):
            return -1
        if len(self.buffer) < 16:
            return 0
        kind, count, packet_id, checksum = struct.unpack_from("<HHII", self.buffer, 4)
        if head == b"iiii":
            return 16 if kind in (ACK, RESEND, RESET) and count == 0 else -1
        if kind not in (2, 3, 7) or count > 4000 or packet_id & ~(SYNC | 1) != INITIAL:
            return -1
        if len(self.buffer) < 16 + count + 1:
            return 0
        payload = self.buffer[16 : 16 + count]
        return 16 + count + 1 if self.buffer[16 + count] == 0xAA and sum(payload) & 0xFFFFFFFF == checksum else -1

    def _handle(self, packet: bytes, now: int, send: Callable[[bytes], None]) -> None:
        kind, _, packet_id = struct.unpack_from("<HHI", packet, 4)
        if packet[:4] == b"iiii":
            if kind == ACK and self.pending and packet_id == self.send_id:
                self.pending = b""
                self.send_id ^= 1
                self.stopped = False
            elif kind == RESEND and self.pending:
                send(self.pending)
                self.sent_at = now
            return
        send(control(ACK, packet_id & ~SYNC))
        if packet_id & SYNC and packet != self.last_sync:
            self.last_sync = packet
            self.expected, self.send_id, self.pending = packet_id & ~SYNC, INITIAL, b""
        if packet_id & ~SYNC != self.expected:
            return
        self.expected ^= 1
        if self.pending:  # a stopped target says nothing new: it has got Continue, only the acknowledgement was lost
            self.pending = b""
            self.send_id ^= 1
        payload = packet[16:-1]
        if kind == DEBUG_IO:
            self.text += payload[16:]
        elif kind == STATE_CHANGE:
            self.stops.append(payload)
            self.stopped = True
            if not self.hold:
                self.resume(now, send)

    def resume(self, now: int, send: Callable[[bytes], None]) -> None:
        self.pending = data(
            MANIPULATE, self.send_id, request(CONTINUE2, struct.pack("<IIQQQ", 0x10002, 0, 0x400, 1, 0))
        )
        send(self.pending)
        self.sent_at = now

    def tick(self, now: int, send: Callable[[bytes], None]) -> None:
        if self.buffer and now - self.received_at >= self.GAP:
            # A damaged length would swallow the repetitions until the target gives up.
            self.buffer = self.buffer[1:]
            self._take_packets(now, send)
        if self.pending and now - self.sent_at >= self.RETRANSMIT:
            send(self.pending)
            self.sent_at = now


class Simulation:
    """`now` counts milliseconds; bytes take 1 ms either way."""

    def __init__(self, library: Path, seed: int = 0, faults: float = 0.0) -> None:
        self.rng = random.Random(seed)  # noqa: S311
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        os.set_blocking(self.writing, False)
        self.target = Target(library, self.reading)
        self.host = SimulatedHost()
        self.now = 1000
        self._down, self._up = Line(self.rng, faults), Line(self.rng, faults)
        self._to_target: list[bytes] = []
        self._to_host: list[bytes] = []

    def _send(self, raw: bytes) -> None:
        self._to_target.append(self._down.carry(raw))

    def break_in(self) -> None:
        self._to_target.append(BREAK_IN)

    def lose_everything_on_the_line(self) -> None:
        self._to_target.clear()
        self._to_host.clear()

    def step(self) -> None:
        arriving, self._to_target = self._to_target, []
        for raw in arriving:
            self.target.receive(raw, self.now)
        out = self.target.turn(self.now)
        arriving, self._to_host = self._to_host, [self._up.carry(out)] if out else []
        for raw in arriving:
            self.host.receive(raw, self.now, self._send)
        self.host.tick(self.now, self._send)
        quiet = not (self._to_target or self._to_host)
        due = self.target.due()
        self.now = max(self.now + 1, due if due >= 0 else self.now + 100) if quiet else self.now + 1

    def run(self, done: Callable[[], bool], limit: int = 2_000_000) -> None:
        """Raises AssertionError if it is not done after `limit` simulated milliseconds."""
        end, steps = self.now + limit, 200_000
        while not done():
            assert self.now < end, "it hangs"
            assert steps, "it spins"
            steps -= 1
            self.step()

    def close(self) -> None:
        self.target.free()
        os.close(self.reading)
        os.close(self.writing)
