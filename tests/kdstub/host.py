"""A debugger's side of KDCOM, written from the protocol's description and sharing no code with the lab's client."""

from __future__ import annotations

import select
import socket
import struct
import time
from dataclasses import dataclass, field

INITIAL, SYNC = 0x80800000, 0x800
MANIPULATE, DEBUG_IO, ACK, RESEND, RESET, STATE_CHANGE = 2, 3, 4, 5, 6, 7
CONTINUE, CONTINUE2, GET_VERSION, SWITCH_PROCESSOR = 0x3136, 0x313C, 0x3146, 0x3150
BREAK_IN = b"b"


@dataclass(frozen=True)
class Packet:
    type: int
    id: int
    payload: bytes = b""

    @property
    def is_control(self) -> bool:
        return self.type in (ACK, RESEND, RESET)


def control(kind: int, packet_id: int = 0) -> bytes:
    return struct.pack("<4sHHII", b"iiii", kind, 0, packet_id, 0)


def data(kind: int, packet_id: int, payload: bytes) -> bytes:
    head = struct.pack("<4sHHII", b"0000", kind, len(payload), packet_id, sum(payload) & 0xFFFFFFFF)
    return head + payload + b"\xaa"


def request(api: int, union: bytes = b"", extra: bytes = b"") -> bytes:
    return struct.pack("<IHHII", api, 0, 0, 0x103, 0) + union.ljust(40, b"\0") + extra


@dataclass
class Parser:
    """Cuts the target's bytes into packets; fails on anything that is none."""

    buffer: bytearray = field(default_factory=bytearray)

    def next(self) -> Packet | None:
        if len(self.buffer) < 16:
            return None
        leader, kind, count, packet_id, checksum = struct.unpack_from("<4sHHII", self.buffer)
        assert leader in (b"0000", b"iiii"), f"no packet: {bytes(self.buffer[:32])!r}"
        length = 16 if leader == b"iiii" else 16 + count + 1
        if len(self.buffer) < length:
            return None
        raw = bytes(self.buffer[:length])
        del self.buffer[:length]
        if leader == b"iiii":
            assert count == 0
            return Packet(kind, packet_id)
        payload = raw[16:-1]
        assert raw[-1] == 0xAA
        assert sum(payload) & 0xFFFFFFFF == checksum
        return Packet(kind, packet_id, payload)


class Host:
    """Speaks to a stub over a socket. `take` acknowledges; `raw` does not."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.parser = Parser()
        self.expected = INITIAL
        self.send_id = INITIAL
        self.resyncs = 0

    def raw(self, timeout: float = 5.0) -> Packet | None:
        """The next packet, unanswered; None when none comes in time."""
        deadline = time.monotonic() + timeout
        while (packet := self.parser.next()) is None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.line], [], [], left)[0]:
                return None
            received = self.line.recv(65536)
            assert received, "the stub has closed the line"
            self.parser.buffer += received
        return packet

    def send(self, raw: bytes) -> None:
        self.line.sendall(raw)

    def take(self, timeout: float = 5.0) -> Packet | None:
        """The next new data packet, acknowledged; duplicates and control packets are passed over."""
        deadline = time.monotonic() + timeout
        while (packet := self.raw(max(0.0, deadline - time.monotonic()))) is not None:
            if packet.is_control:
                continue
            self.send(control(ACK, packet.id & ~SYNC))
            if packet.id & SYNC:
                self.resyncs += 1
                self.expected = packet.id & ~SYNC
                self.send_id = INITIAL
            if packet.id & ~SYNC == self.expected:
                self.expected ^= 1
                return packet
        return None

    def prints(self, until: bytes, timeout: float = 20.0) -> bytes:
        """All text up to and with `until`; loads are continued on the way."""
        text = bytearray()
        deadline = time.monotonic() + timeout
        while not text.endswith(until):
            packet = self.take(deadline - time.monotonic())
            assert packet, f"no more packets after {bytes(text[-100:])!r}"
            if packet.type == DEBUG_IO:
                text += printed(packet)
            else:
                assert packet.type == STATE_CHANGE
                self.resume()
        return bytes(text)

    def submit(self, payload: bytes, kind: int = MANIPULATE) -> None:
        """Sends a request and waits until it is acknowledged."""
        self.send(data(kind, self.send_id, payload))
        packet = self.raw()
        assert packet == Packet(ACK, self.send_id)
        self.send_id ^= 1

    def ask(self, payload: bytes) -> bytes:
        """A request and the payload of its reply."""
        self.submit(payload)
        packet = self.take()
        assert packet
        assert packet.type == MANIPULATE
        return packet.payload

    def resume(self, api: int = CONTINUE2) -> None:
        self.submit(request(api, struct.pack("<IIQQQ", 0x10002, 0, 0x400, 1, 0)))

    def reset(self) -> None:
        """Restarts both streams; other packets that were on their way are dropped."""
        self.send(control(RESET))
        while (packet := self.raw()) is not None and packet.type != RESET:
            pass
        assert packet, "no answer to a reset"
        self.expected = self.send_id = INITIAL

    def expect_stop(self, timeout: float = 5.0) -> Packet:
        packet = self.take(timeout)
        assert packet
        assert packet.type == STATE_CHANGE, packet
        return packet


def printed(packet: Packet) -> bytes:
    api, _, _, length, _ = struct.unpack_from("<IHHII", packet.payload)
    assert packet.type == DEBUG_IO
    assert api == 0x3230
    assert length == len(packet.payload) - 16 <= 512
    return packet.payload[16:]


@dataclass(frozen=True)
class Stop:
    """A state change, decoded."""

    state: int
    processors: int
    pc: int
    payload: bytes

    @classmethod
    def of(cls, packet: Packet) -> Stop:
        assert len(packet.payload) >= 240
        state, _, _, processors, _, _, pc = struct.unpack_from("<IHHIIQQ", packet.payload)
        return cls(state, processors, pc, packet.payload)

    @property
    def exception(self) -> tuple[int, int, int]:
        """Code, address, first chance."""
        assert self.state == 0x3030
        code, _, _, address = struct.unpack_from("<IIQQ", self.payload, 32)
        (first_chance,) = struct.unpack_from("<I", self.payload, 184)
        return code, address, first_chance

    @property
    def module(self) -> tuple[str, int, int, int, bool]:
        """Name, base, size, checksum, unload."""
        assert self.state == 0x3031
        length, _, base, process, checksum, size, unload = struct.unpack_from("<IIQQIIB", self.payload, 32)
        assert process == 0xFFFFFFFFFFFFFFFF
        name = self.payload[-length:]
        assert len(self.payload) == 240 + length
        assert name.endswith(b"\0")
        return name[:-1].decode(), base, size, checksum, bool(unload)
