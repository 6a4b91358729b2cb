"""A small kernel debugger target: the serial protocol as an NT kernel follows it, without I/O and without a clock.

It sends one packet at a time and waits for its acknowledgement; it prints, loads modules, stops and asks as its
script says. `test_target.py` holds it against the recordings.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING

from lab.kd import manipulate
from lab.kd.debug_io import GetString, PrintString
from lab.kd.manipulate import CONTINUES, Api, Manipulate
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

if TYPE_CHECKING:
    from .kernel import Kernel

ACK_TIMEOUT = 0.06
TRIES = 20
INT3 = 0xCC
BREAK_IN_ADDRESS = 0xFFFFF80000001000
KERNEL_BASE = 0xFFFFF80000000000


def print_message(text: bytes, processor: int = 0) -> tuple[int, bytes]:
    return PacketType.DEBUG_IO, PrintString(6, processor, text, 0x7FF).encode()


def prompt_message(text: bytes) -> tuple[int, bytes]:
    return PacketType.DEBUG_IO, GetString(6, 0, text, 2).encode()


def state_change(state: int, address: int, union: bytes, report: bytes = b"", tail: bytes = b"") -> tuple[int, bytes]:
    fixed = struct.pack("<IHHI4xQQ", state, 6, 0, 1, 0xFFFFFA8000000000, address)
    return PacketType.STATE_CHANGE64, fixed + union.ljust(160, b"\0") + report.ljust(48, b"\0") + tail


def load_message(name: bytes, base: int = KERNEL_BASE, unload: bool = False) -> tuple[int, bytes]:
    union = struct.pack("<I4xQQIIB", len(name) + 1, base, 2**64 - 1, 0x1234, 0x9000, unload)
    return state_change(0x3031, KERNEL_BASE + 0x500, union, tail=name + b"\0")


def exception_message(
    code: int, address: int, instructions: bytes = b"\x90" * 16, chance: int = 1
) -> tuple[int, bytes]:
    union = struct.pack("<IIQQI4x15QI", code, 0, 0, address, 0, *[0] * 15, chance)
    report = struct.pack("<QQIHH16s", 0xFFFF0FF0, 0x400, 0x202, len(instructions), 3, instructions)
    return state_change(0x3030, address, union, report)


def breakpoint_message(address: int) -> tuple[int, bytes]:
    return exception_message(0x80000003, address, bytes([INT3]) + b"\x90" * 15)


class Target:
    """Target side of a link. Give it a script, feed it the host's bytes, and let time pass."""

    def __init__(self, script: list[tuple[int, bytes]] | None = None) -> None:
        self.script = deque(script or [])
        self.answers: list[bytes] = []
        self.dropped: list[tuple[int, bytes]] = []
        self.continues = 0
        self.stops = 0
        self.stopped: tuple[int, bytes] | None = None
        self.program_counter = 0
        self.break_ins = 0
        self.restarts: list[Manipulate] = []
        self.memory = {0x1000: bytes(range(256)) * 16}
        self.breakpoints: dict[int, int] = {}
        """Handle to address."""
        self._parser = Parser()
        self._send_id = INITIAL_ID | SYNC_BIT
        self._expected = INITIAL_ID
        self._sending: tuple[int, bytes] | None = None
        self._tries = 0
        self._resend_at = 0.0
        self._awaits_answer = False
        self._resend_stop = False
        self._replies: deque[bytes] = deque()
        self.kernel: Kernel | None = None
        """Answers for everything that is asked of a stopped target, instead of the little that is known here."""
        self._context_read = False
        self._output = bytearray()

    @property
    def idle(self) -> bool:
        """Everything was said and taken, and it runs."""
        waiting = self._sending or self.stopped or self._awaits_answer or self._replies
        return not (self.script or waiting)

    def take_output(self) -> bytes:
        output = bytes(self._output)
        self._output.clear()
        return output

    def receive(self, data: bytes, now: float) -> None:
        for item in self._parser.feed(data):
            if isinstance(item, Noise):
                self._noise(item.data)
            elif isinstance(item, ControlPacket):
                self._control(item, now)
            else:
                self._data(item)
        self.tick(now)

    def tick(self, now: float) -> None:
        """Go on, and send again what was not acknowledged."""
        if self._sending and now >= self._resend_at:
            self._retry(now)
        while not self._sending and self._next(now):
            pass

    def _next(self, now: float) -> bool:
        if self._replies:
            self._send((PacketType.STATE_MANIPULATE, self._replies.popleft()), now)
        elif self.stopped and self._resend_stop:
            self._resend_stop = False
            self._send(self.stopped, now)
        elif self.stopped or self._awaits_answer:
            return False
        elif self.break_ins:
            self.break_ins = 0
            self._stop(self._break_in_message(), now)
        elif self.script:
            self._say(self.script.popleft(), now)
        else:
            return False
        return True

    def _break_in_message(self) -> tuple[int, bytes]:
        if self.kernel is None:
            return breakpoint_message(BREAK_IN_ADDRESS)
        return PacketType.STATE_CHANGE64, self.kernel.stop_message(0x80000003)

    def _say(self, message: tuple[int, bytes], now: float) -> None:
        kind, payload = message
        if kind == PacketType.STATE_CHANGE64:
            self._stop(message, now)
            return
        self._awaits_answer = kind == PacketType.FILE_IO or payload[:4] == struct.pack("<I", 0x3231)
        self._send(message, now)

    def _stop(self, message: tuple[int, bytes], now: float) -> None:
        self.stops += 1
        self.stopped = message
        self._context_read = False
        (self.program_counter,) = struct.unpack_from("<Q", message[1], 24)
        self._send(message, now)

    def _send(self, message: tuple[int, bytes], now: float) -> None:
        self._sending = message
        self._tries = 1
        self._transmit(now)

    def _transmit(self, now: float) -> None:
        assert self._sending
        self._output += encode_data(self._sending[0], self._send_id, self._sending[1])
        self._resend_at = now + ACK_TIMEOUT

    def _retry(self, now: float) -> None:
        assert self._sending
        kind, payload = self._sending
        api = int.from_bytes(payload[:4], "little")
        if self._tries >= TRIES and api in (0x3230, 0x3031, 0x3430):
            self.dropped.append(self._sending)
            self._sending = None
            self._send_id = INITIAL_ID | SYNC_BIT
            self._expected = INITIAL_ID
            if kind == PacketType.STATE_CHANGE64:
                self.stopped = None
            return
        self._tries += 1
        self._transmit(now)

    def _noise(self, data: bytes) -> None:
        # Only what is certainly the byte alone; the rest of a damaged packet is no break-in.
        if data == b"b":
            self.break_ins += 1

    def _control(self, packet: ControlPacket, now: float) -> None:
        if packet.type is PacketType.ACKNOWLEDGE:
            if self._sending and packet.packet_id == self._send_id & ~SYNC_BIT:
                self._acknowledged()
        elif packet.type is PacketType.RESEND:
            if self._sending:
                self._transmit(now)
        else:
            self._output += encode_control(PacketType.RESET)
            self._send_id = self._expected = INITIAL_ID
            self._replies.clear()
            if self._sending and self._sending[0] == PacketType.STATE_MANIPULATE:
                self._sending = None
            if self._sending:
                self._tries = 1
                self._transmit(now)
            else:
                self._resend_stop = self.stopped is not None

    def _acknowledged(self) -> None:
        self._sending = None
        self._send_id = (self._send_id & ~SYNC_BIT) ^ 1

    def _data(self, packet: DataPacket) -> None:
        if self._sending:
            self._output += encode_control(PacketType.RESEND)
            self._acknowledged()
            return
        if not (self.stopped or self._awaits_answer):
            return  # a running target reads for break-ins alone
        self._output += encode_control(PacketType.ACKNOWLEDGE, packet.packet_id)
        if packet.packet_id != self._expected:
            return
        self._expected ^= 1
        if packet.type is not PacketType.STATE_MANIPULATE:
            self._awaits_answer = False
            self.answers.append(packet.payload)
        elif self.stopped:
            self._request(manipulate.decode(packet.payload))

    def _request(self, message: Manipulate) -> None:
        if message.api in CONTINUES:
            self.continues += 1
            again, self.stopped = self.stopped, None
            if self.kernel is not None:
                self._run_kernel(self.kernel, message)
                return
            if again and self._stands_on_int3(again[1]):
                self.script.appendleft(again)
            return
        if message.api == Api.SWITCH_PROCESSOR and self.stopped:
            kind, payload = self.stopped
            if self.kernel is not None:
                self.kernel.processor = message.processor
            self.stopped = kind, payload[:6] + struct.pack("<H", message.processor) + payload[8:]
            self._resend_stop = True
            return
        reply = self.kernel.reply(message) if self.kernel else self._reply(message)
        if reply is not None:
            self._replies.append(reply.encode())

    def _run_kernel(self, kernel: Kernel, message: Manipulate) -> None:
        self.restarts.append(message)
        if message.api in (Api.REBOOT, Api.CAUSE_BUGCHECK):
            return
        trace = message.api == Api.CONTINUE2 and message.union[4:8] == struct.pack("<I", 1)
        code = kernel.step() if trace else kernel.run()
        if code is not None:
            self.script.appendleft((PacketType.STATE_CHANGE64, kernel.stop_message(code)))

    def _stands_on_int3(self, stop: bytes) -> bool:
        """It is the host that steps over a breakpoint in the code; one in a notification is the kernel's own affair."""
        (address,) = struct.unpack_from("<Q", stop, 24)
        return stop[0] == 0x30 and stop[216] == INT3 and address == self.program_counter

    def _reply(self, message: Manipulate) -> Manipulate:
        refused = message.fails_with(0xC0000001)
        if message.api == Api.GET_CONTEXT:
            self._context_read = True
            context = bytearray(1232)
            struct.pack_into("<I", context, 0x30, 0x10001F)
            struct.pack_into("<Q", context, 0xF8, self.program_counter)
            return Manipulate(message.api, message.union, bytes(context), status=0)
        if message.api == Api.SET_CONTEXT and self._context_read:
            (self.program_counter,) = struct.unpack_from("<Q", message.data, 0xF8)
            return Manipulate(message.api, message.union, status=0)
        if message.api == Api.READ_VIRTUAL:
            address, count = struct.unpack_from("<QI", message.union)
            data = b"".join(
                page[max(address - base, 0) :][:count] for base, page in self.memory.items() if address >= base
            )
            union = message.union[:12] + struct.pack("<I", len(data)) + message.union[16:]
            return Manipulate(message.api, union, data, status=0 if len(data) == count else 0xC0000001)
        if message.api == Api.WRITE_BREAKPOINT:
            handle = min(set(range(1, 33)) - set(self.breakpoints))
            (self.breakpoints[handle],) = struct.unpack_from("<Q", message.union)
            return Manipulate(message.api, message.union[:8] + struct.pack("<I", handle), status=0)
        if message.api == Api.RESTORE_BREAKPOINT:
            (handle,) = struct.unpack_from("<I", message.union)
            known = self.breakpoints.pop(handle, None) is not None
            return Manipulate(message.api, message.union, status=0) if known else refused
        if message.api == Api.GET_VERSION:
            union = struct.pack("<HHBBHHBBBB2xQQQ", 15, 9600, 6, 2, 7, 0x8664, 12, 3, 49, 0, KERNEL_BASE, 1, 2)
            return Manipulate(message.api, union, status=0)
        return refused
