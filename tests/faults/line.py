"""A serial line that damages what it carries, in one direction. It keeps the order, as a line does."""

from __future__ import annotations

import random
import struct
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum

DATA_LEADER, CONTROL_LEADER = ord("0"), ord("i")
HEADER = 16
REQUEST = 2


class Fault(Enum):
    """What can happen to a packet on its way."""

    DROP = "drop"
    FLIP = "flip"
    DUPLICATE = "duplicate"
    DELAY = "delay"
    CUT = "cut"
    TRICKLE = "trickle"
    """One byte at a time."""
    NOISE = "noise"


MAX_DELAY = 2500
"""Milliseconds: longer than either side waits before it sends again."""


class Line:
    """Times are milliseconds. `deliver` gets what arrives, in the pieces in which it is read.

    `rate`: faults per packet; with `per_byte`, per byte.
    """

    def __init__(
        self,
        rng: random.Random,
        deliver: Callable[[bytes, int], None],
        rate: float = 0.0,
        kinds: Sequence[Fault] = tuple(Fault),
        *,
        per_byte: bool = False,
    ) -> None:
        self.deliver = deliver
        self.rate = rate
        self.packets = 0
        self.faults = dict.fromkeys(Fault, 0)
        self._kinds = kinds
        self._rng = rng
        self._per_byte = per_byte
        self._way: deque[tuple[int, bytes, int]] = deque()
        self._clear_at = 0

    @property
    def due(self) -> int | None:
        """When the next piece arrives."""
        return self._way[0][0] if self._way else None

    def send(self, raw: bytes, now: int) -> None:
        """Put packets on the line."""
        for packet in packets_of(raw):
            self.packets += 1
            rate = self.rate * len(packet) if self._per_byte else self.rate
            if self._rng.random() < rate:
                self._spoil(packet, now)
            else:
                self._put(packet, now)

    def advance(self, now: int) -> bool:
        """Let arrive what arrives until `now`; return whether anything did."""
        moved = False
        while self._way and self._way[0][0] <= now:
            _, raw, piece = self._way.popleft()
            moved = True
            for start in range(0, len(raw), piece):
                self.deliver(raw[start : start + piece], now)
        return moved

    def lose_all(self) -> None:
        """Nothing that is on its way arrives."""
        self._way.clear()

    def _put(self, raw: bytes, now: int, piece: int = 1 << 16) -> None:
        self._clear_at = max(self._clear_at, now)
        if raw:
            self._way.append((self._clear_at, raw, piece))

    def _spoil(self, packet: bytes, now: int) -> None:
        kind = self._rng.choice(self._kinds)
        self.faults[kind] += 1
        match kind:
            case Fault.DROP:
                pass
            case Fault.FLIP:
                self._put(self._flip(packet), now)
            case Fault.DUPLICATE:
                self._put(packet + packet, now)
            case Fault.DELAY:
                self._clear_at = max(self._clear_at, now) + self._rng.randrange(1, MAX_DELAY)
                self._put(packet, now)
            case Fault.CUT:
                self._put(packet[: self._rng.randrange(len(packet))], now)
            case Fault.TRICKLE:
                self._put(packet, now, 1)
            case Fault.NOISE:
                self._put(self._rng.randbytes(self._rng.randrange(1, 20)) + packet, now)

    def _flip(self, packet: bytes) -> bytes:
        if len(packet) < HEADER:
            return packet
        while True:
            at, bit = self._rng.randrange(len(packet)), self._rng.randrange(8)
            if not unprotected(packet, at, bit):
                return flip(packet, at, bit)


def flip(packet: bytes, at: int, bit: int) -> bytes:
    """The packet with one wrong bit."""
    return packet[:at] + bytes([packet[at] ^ 1 << bit]) + packet[at + 1 :]


def unprotected(packet: bytes, at: int, bit: int) -> bool:
    """Can this bit, wrong, make another valid packet? No checksum shows it: `test_every_bit.py`, `test_unmendable.py`.

    An acknowledgement that becomes a reset; the lowest bit of an id; the type of a request.
    """
    if packet[0] == CONTROL_LEADER:
        return (at, bit) == (4, 1)
    return (at, bit) == (8, 0) or (at == 4 and packet[4] == REQUEST)


def packets_of(raw: bytes) -> list[bytes]:
    """What a sender that makes no mistakes wrote, packet by packet; a break-in byte counts as one."""
    packets = []
    at = 0
    while at < len(raw):
        length = 1
        if raw[at] == CONTROL_LEADER:
            length = HEADER
        elif raw[at] == DATA_LEADER:
            (count,) = struct.unpack_from("<H", raw, at + 6)
            length = HEADER + count + 1
        packets.append(raw[at : at + length])
        at += length
    return packets
