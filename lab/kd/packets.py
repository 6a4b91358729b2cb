"""Packets of the serial kernel debugger: bytes to packets and back, without I/O.

A data packet is a 16-byte header, the payload and 0xAA; a control packet is the header alone. The header has no
checksum of its own, so whatever can be checked is checked before a packet counts as received: the target sends
a packet again that nobody acknowledged, but never one that was acknowledged by mistake.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import IntEnum

HEADER = struct.Struct("<IHHII")
HEADER_SIZE = HEADER.size
TRAILER = 0xAA
MAX_PAYLOAD = 4000
BREAK_IN = b"b"

INITIAL_ID = 0x80800000
SYNC_BIT = 0x00000800

DATA_LEADER = 0x30303030
CONTROL_LEADER = 0x69696969
_LEADERS = re.compile(rb"0000|iiii")


class PacketType(IntEnum):
    """Packet types that appear on the wire."""

    STATE_MANIPULATE = 2
    DEBUG_IO = 3
    ACKNOWLEDGE = 4
    RESEND = 5
    RESET = 6
    STATE_CHANGE64 = 7
    TRACE_IO = 9
    CONTROL_REQUEST = 10
    FILE_IO = 11


CONTROL_TYPES = frozenset({PacketType.ACKNOWLEDGE, PacketType.RESEND, PacketType.RESET})
DATA_TYPES = frozenset(PacketType) - CONTROL_TYPES

_API_RANGES = {
    PacketType.STATE_MANIPULATE: range(0x3130, 0x31FF),
    PacketType.DEBUG_IO: range(0x3230, 0x3232),
    PacketType.STATE_CHANGE64: range(0x3030, 0x3033),
    PacketType.TRACE_IO: range(0x3330, 0x3331),
    PacketType.CONTROL_REQUEST: range(0x4300, 0x4302),
    PacketType.FILE_IO: range(0x3430, 0x3434),
}
_API_OWNER = {api: kind for kind, apis in _API_RANGES.items() for api in apis}
ALTERNATE_STATE = 0x00010000


@dataclass(frozen=True, slots=True)
class DataPacket:
    """A data packet that arrived whole. `packet_id` is as received, with its SYNC bit."""

    type: PacketType
    packet_id: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class ControlPacket:
    """An acknowledgement, a request to resend, or a reset."""

    type: PacketType
    packet_id: int


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that belong to no packet: plain text on the port, or what is left of a damaged packet."""

    data: bytes


Item = DataPacket | ControlPacket | Noise


def encode_data(packet_type: int, packet_id: int, payload: bytes) -> bytes:
    """The bytes of a data packet. Raises ValueError for a payload longer than MAX_PAYLOAD."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a packet carries at most {MAX_PAYLOAD} bytes, not {len(payload)}")
    header = HEADER.pack(DATA_LEADER, packet_type, len(payload), packet_id, sum(payload) & 0xFFFFFFFF)
    return header + payload + bytes((TRAILER,))


def encode_control(packet_type: int, packet_id: int = 0) -> bytes:
    """The bytes of a control packet."""
    return HEADER.pack(CONTROL_LEADER, packet_type, 0, packet_id, 0)


class Parser:
    """Cuts a byte stream into packets and noise. Holds at most one packet's worth of bytes between calls."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = 0
        """So many bytes the buffer must have before it can contain anything that is complete."""

    @property
    def pending(self) -> bytes:
        """Bytes kept because they may be the beginning of a packet."""
        return bytes(self._buffer)

    @property
    def missing(self) -> int:
        """At least so many bytes are needed to complete a packet that has begun; 0: none has."""
        if not self._buffer:
            return 0
        return max((self._needed or HEADER_SIZE) - len(self._buffer), 0)

    def clear(self) -> None:
        """Forget the pending bytes."""
        self._buffer.clear()
        self._needed = 0

    def feed(self, data: bytes) -> list[Item]:
        """Take received bytes; return what they complete, in order."""
        self._buffer += data
        if len(self._buffer) < self._needed:
            return []  # a serial port brings one byte at a time
        return self._cut()

    def give_up(self) -> list[Item]:
        """The packet that seems to have begun will not be completed: look for the next one behind its first byte."""
        if not self._buffer:
            return []
        lost = bytes(self._buffer[:1])
        del self._buffer[:1]
        return _merge([Noise(lost), *self._cut()])

    def whole_packet_behind(self) -> bool:
        """Is a complete data packet to be found behind the beginning of the one that is not complete?"""
        probe = Parser()
        return any(isinstance(item, DataPacket) for item in probe.feed(bytes(self._buffer[1:])))

    def _cut(self) -> list[Item]:
        buffer = bytes(self._buffer)
        items: list[Item] = []
        at = 0
        noise_from = 0
        keep_for = 0
        while True:
            if at == len(buffer) == noise_from:
                keep = at
                break
            found = _LEADERS.search(buffer, at)
            if found is None:
                keep = max(noise_from, _possible_leader(buffer))
                break
            at = found.start()
            length = _packet_length(buffer, at)
            if length is None:
                at += 1
                continue
            if at + length > len(buffer):
                keep = at
                keep_for = length
                break
            packet = _decode(buffer, at, length)
            if packet is None:
                at += 1
                continue
            if at > noise_from:
                items.append(Noise(buffer[noise_from:at]))
            items.append(packet)
            at += length
            noise_from = at
        if keep > noise_from:
            items.append(Noise(buffer[noise_from:keep]))
        self._buffer = bytearray(buffer[keep:])
        self._needed = keep_for
        return items


def _possible_leader(buffer: bytes) -> int:
    """Offset of trailing bytes that may become a leader."""
    for length in (3, 2, 1):
        tail = buffer[-length:]
        if len(tail) == length and tail in (b"0" * length, b"i" * length):
            return len(buffer) - length
    return len(buffer)


def _packet_length(buffer: bytes, at: int) -> int | None:
    """Length of the packet whose leader is at `at`; None when its header makes no sense."""
    if len(buffer) - at < HEADER_SIZE:
        return HEADER_SIZE
    leader, packet_type, count, _, _ = HEADER.unpack_from(buffer, at)
    if leader == CONTROL_LEADER:
        return HEADER_SIZE if packet_type in CONTROL_TYPES and count == 0 else None
    if packet_type not in DATA_TYPES or count > MAX_PAYLOAD:
        return None
    return HEADER_SIZE + int(count) + 1


def _decode(buffer: bytes, at: int, length: int) -> DataPacket | ControlPacket | None:
    leader, packet_type, _, packet_id, checksum = HEADER.unpack_from(buffer, at)
    kind = PacketType(packet_type)
    if leader == CONTROL_LEADER:
        return ControlPacket(kind, packet_id)
    payload = buffer[at + HEADER_SIZE : at + length - 1]
    if buffer[at + length - 1] != TRAILER or sum(payload) & 0xFFFFFFFF != checksum:
        return None
    # A payload that plainly belongs to another packet type means that the type was damaged on the way.
    api = int.from_bytes(payload[:4], "little") & ~ALTERNATE_STATE
    if _API_OWNER.get(api, kind) != kind:
        return None
    return DataPacket(kind, packet_id, payload)


def _merge(items: list[Item]) -> list[Item]:
    """Join the leading pieces of noise."""
    if len(items) > 1 and isinstance(items[0], Noise) and isinstance(items[1], Noise):
        return [Noise(items[0].data + items[1].data), *items[2:]]
    return items
