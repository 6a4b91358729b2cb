"""A recording of a target played back: it waits for acknowledgements and for Continue, like the target did."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

from lab.kd import manipulate
from lab.kd.manipulate import CONTINUES, HEADER_SIZE
from lab.kd.packets import (
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

STATUS_NOT_SUPPORTED = 0xC00000BB


class ReplayTransport:
    """The target's side of a link, from the raw bytes that a target once sent.

    Data packets, retransmissions among them, and stray bytes come as recorded, each after the one before was
    acknowledged and each stop continued. Acknowledgements are its own; requests are refused, since the recording
    cannot know the answer. After the last byte it is as if the target had gone.
    """

    def __init__(self, file: Path, *, chunk: int = 1 << 16) -> None:
        """`chunk`: at most so many bytes per `recv`."""
        self._items = deque(_items(file.read_bytes()))
        self._chunk = chunk
        self._host = Parser()
        self._output = bytearray()
        self._unacknowledged: int | None = None
        self._stopped = False
        self._flip = 0
        self._expected = INITIAL_ID
        self._woken = threading.Event()
        self._closed = False
        self.stops = 0
        self.continued = 0

    @property
    def finished(self) -> bool:
        """Everything was sent, acknowledged and continued."""
        return not self._items and not self._output and self._unacknowledged is None and not self._stopped

    def recv(self, size: int, timeout: float | None) -> bytes | None:
        self._advance()
        if self._output:
            size = min(size, self._chunk)
            data = bytes(self._output[:size])
            del self._output[:size]
            return data
        if self.finished or self._closed:
            return b""
        self._woken.wait(timeout)
        self._woken.clear()
        return None

    def send(self, data: bytes) -> None:
        for item in self._host.feed(data):
            if isinstance(item, ControlPacket):
                if item.type is PacketType.ACKNOWLEDGE and item.packet_id == self._unacknowledged:
                    self._unacknowledged = None
            elif isinstance(item, DataPacket):
                self._request(item)

    @property
    def unread(self) -> int:
        return 0

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        self._closed = True

    def _advance(self) -> None:
        """Send on, until the host has to say something."""
        while self._items and not self._output and self._unacknowledged is None and not self._stopped:
            item = self._items.popleft()
            if isinstance(item, Noise):
                self._output += item.data
            else:
                self._send(item.type, item.packet_id ^ self._flip, item.payload)
                if item.type is PacketType.STATE_CHANGE64:
                    self._stopped = True
                    self.stops += 1

    def _send(self, kind: int, packet_id: int, payload: bytes) -> None:
        self._output += encode_data(kind, packet_id, payload)
        self._unacknowledged = packet_id & ~SYNC_BIT
        self._last_id = packet_id & ~SYNC_BIT

    def _request(self, packet: DataPacket) -> None:
        self._output += encode_control(PacketType.ACKNOWLEDGE, packet.packet_id)
        if packet.packet_id != self._expected:
            return
        self._expected ^= 1
        if packet.type is not PacketType.STATE_MANIPULATE or len(packet.payload) < HEADER_SIZE:
            return
        message = manipulate.decode(packet.payload)
        if message.api in CONTINUES:
            self.continued += self._stopped
            self._stopped = False
        elif self._stopped:
            # A packet that was not in the recording shifts the ids of all that follow.
            self._flip ^= 1
            self._send(
                PacketType.STATE_MANIPULATE, self._last_id ^ 1, message.fails_with(STATUS_NOT_SUPPORTED).encode()
            )


def _items(data: bytes) -> list[DataPacket | Noise]:
    parser = Parser()
    items = parser.feed(data)
    rest = [Noise(parser.pending)] if parser.pending else []
    return [item for item in [*items, *rest] if not isinstance(item, ControlPacket)]
