"""A kernel to debug: memory, registers and breakpoints as a stopped NT target answers for them, on either architecture.

All its instructions are one byte long. It runs from the program counter on until it meets a breakpoint, or `end`.
"""

from __future__ import annotations

import struct

from lab.kd import requests
from lab.kd.context import Context, decode_context
from lab.kd.manipulate import Api, Manipulate
from lab.kd.state_change import Machine

from .target import INT3

CODE = {Machine.AMD64: 0xFFFFF80000010000, Machine.I386: 0xFFFFFFFF80410000}
DATA = {Machine.AMD64: 0xFFFFF80000020000, Machine.I386: 0xFFFFFFFF80420000}
THREAD = {Machine.AMD64: 0xFFFFFA8000001000, Machine.I386: 0xFFFFFFFF80551000}
PAGE = 0x1000
SUCCESS, REFUSED = 0, 0xC0000001
BREAKPOINT, SINGLE_STEP = 0x80000003, 0x80000004


class Kernel:
    def __init__(self, machine: Machine = Machine.AMD64, processors: int = 2) -> None:
        self.machine = machine
        self.code = CODE[machine]
        self.data = DATA[machine]
        self.pages: dict[int, bytearray] = {}
        self.physical: dict[int, bytearray] = {0x1000: bytearray(range(256)) * 16, 0x2000: bytearray(PAGE)}
        self.breakpoints: dict[int, int] = {}
        self.contexts = [self._context(self.code + 0x100 * number) for number in range(processors)]
        self.processor = 0
        self.context_read = False
        self.end = self.code + 0x800
        self.dr7 = 0x555
        self.asked: list[Manipulate] = []
        self.silent: set[Api] = set()
        """Requests that are acknowledged and never answered."""
        self.refused: set[Api] = set()
        self.version = struct.pack(
            "<HHBBHHBBBB2xQQQ", 15, 9600, 6, 2, 7, machine.value, 12, 3, 49, 0, self.code, self.data, self.data + 0x100
        )
        self.map(self.code, bytes([0x90]) * PAGE)
        self.map(self.data, bytes(PAGE))

    def map(self, address: int, data: bytes) -> None:
        """Have these bytes in memory; the pages they are on exist from now on."""
        for offset, byte in enumerate(data):
            at = address + offset
            self.pages.setdefault(at - at % PAGE, bytearray(PAGE))[at % PAGE] = byte

    def peek(self, address: int, count: int) -> bytes:
        return _read(self.pages, address, count)

    @property
    def counter(self) -> int:
        return self.contexts[self.processor].program_counter

    @counter.setter
    def counter(self, value: int) -> None:
        self.contexts[self.processor] = self.contexts[self.processor].with_program_counter(value)

    # --- running ---

    def run(self) -> int | None:
        """Run on; the exception code that stops it, None when it got to its end."""
        while self.counter < self.end:
            if self.counter in self.breakpoints.values() or self.peek(self.counter, 1) == bytes([INT3]):
                return BREAKPOINT
            self.counter += 1
        return None

    def step(self) -> int:
        if self.counter in self.breakpoints.values() or self.peek(self.counter, 1) == bytes([INT3]):
            return BREAKPOINT
        self.counter += 1
        return SINGLE_STEP

    def stop_message(self, code: int) -> bytes:
        """The STATE_CHANGE64 of an exception here. Breakpoints in the code that it reports are forgotten."""
        self.context_read = False
        self.breakpoints = {
            handle: at for handle, at in self.breakpoints.items() if not self.counter <= at < self.counter + 16
        }
        code_bytes = self.peek(self.counter, 16)
        fixed = struct.pack(
            "<IHHI4xQQ", 0x3030, 6, self.processor, len(self.contexts), THREAD[self.machine], self.counter
        )
        union = struct.pack("<IIQQI4x15QI", code, 0, 0, self.counter, 0, *[0] * 15, 1)
        if self.machine is Machine.AMD64:
            report = struct.pack("<QQIHH16s", 0xFFFF0FF0, self.dr7, 0x202, len(code_bytes), 3, code_bytes)
        else:
            report = struct.pack("<IIHH16s", 0xFFFF0FF0, self.dr7, len(code_bytes), 3, code_bytes)
        return fixed + union.ljust(160, b"\0") + report.ljust(48, b"\0") + b"junk"

    # --- answering ---

    def reply(self, message: Manipulate) -> Manipulate | None:
        """The answer to a request; None for none."""
        self.asked.append(message)
        if message.api in self.silent:
            return None
        if message.api in self.refused:
            return message.fails_with(REFUSED)
        match message.api:
            case Api.READ_VIRTUAL:
                return _reads(message, self.pages)
            case Api.READ_PHYSICAL:
                return _reads(message, self.physical)
            case Api.WRITE_VIRTUAL:
                return _writes(message, self.pages)
            case Api.WRITE_PHYSICAL:
                return _writes(message, self.physical)
            case Api.GET_VERSION:
                return Manipulate(message.api, self.version, status=SUCCESS)
            case Api.GET_CONTEXT | Api.SET_CONTEXT:
                return self._context_reply(message)
            case Api.WRITE_BREAKPOINT | Api.RESTORE_BREAKPOINT:
                return self._breakpoint_reply(message)
            case Api.READ_CONTROL_SPACE if message.union[:8] == struct.pack("<Q", 2):
                data = bytes(range(0xE0))[: int.from_bytes(message.union[8:12], "little")]
                return _moved(message, len(data), data)
            case Api.READ_MSR:
                return Manipulate(message.api, message.union[:4] + struct.pack("<II", 0x11, 0x22), status=SUCCESS)
            case Api.QUERY_MEMORY if self.peek(_address(message), 1):
                return Manipulate(
                    message.api, message.union[:16] + struct.pack("<II", 2, 3) + message.union[24:], status=SUCCESS
                )
        return message.fails_with(REFUSED)

    def _context_reply(self, message: Manipulate) -> Manipulate:
        if message.processor >= len(self.contexts):
            return message.fails_with(REFUSED)
        if message.api == Api.GET_CONTEXT:
            self.context_read = True
            return Manipulate(message.api, message.union, self.contexts[message.processor].raw, status=SUCCESS)
        if not self.context_read:
            return message.fails_with(REFUSED)
        context = decode_context(message.data, self.machine)
        assert context
        self.contexts[message.processor] = context
        return Manipulate(message.api, message.union, status=SUCCESS)

    def _breakpoint_reply(self, message: Manipulate) -> Manipulate:
        if message.api == Api.RESTORE_BREAKPOINT:
            handle = int.from_bytes(message.union[:4], "little")
            status = SUCCESS if self.breakpoints.pop(handle, None) is not None else REFUSED
            return Manipulate(message.api, message.union, status=status)
        address = _address(message)
        free = [handle for handle in requests.BREAKPOINT_HANDLES if handle not in self.breakpoints]
        if not free or address in self.breakpoints.values() or not self.peek(address, 1):
            return message.fails_with(REFUSED)
        self.breakpoints[free[0]] = address
        return Manipulate(message.api, message.union[:8] + struct.pack("<I", free[0]), status=SUCCESS)

    def _context(self, counter: int) -> Context:
        size = 1232 if self.machine is Machine.AMD64 else 716
        context = decode_context(bytes(size))
        assert context
        counter_name, stack_name = ("rip", "rsp") if self.machine is Machine.AMD64 else ("eip", "esp")
        return context.with_registers({counter_name: counter, stack_name: self.data + 0x40, "eflags": 0x202})


def _address(message: Manipulate) -> int:
    return int.from_bytes(message.union[:8], "little")


def _read(pages: dict[int, bytearray], address: int, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        at = address + len(data)
        page = pages.get(at - at % PAGE)
        if page is None:
            break
        data += page[at % PAGE :][: count - len(data)]
    return bytes(data)


def _reads(message: Manipulate, pages: dict[int, bytearray]) -> Manipulate:
    count = int.from_bytes(message.union[8:12], "little")
    assert _address(message) % PAGE + count <= PAGE, "one request, one page"
    data = _read(pages, _address(message), count)
    return _moved(message, len(data), data, status=SUCCESS if len(data) == count else REFUSED)


def _writes(message: Manipulate, pages: dict[int, bytearray]) -> Manipulate:
    address = _address(message)
    page = pages.get(address - address % PAGE)
    if page is None:
        return message.fails_with(REFUSED)
    page[address % PAGE : address % PAGE + len(message.data)] = message.data
    return _moved(message, len(message.data))


def _moved(message: Manipulate, count: int, data: bytes = b"", status: int = SUCCESS) -> Manipulate:
    return Manipulate(
        message.api, message.union[:12] + struct.pack("<I", count) + message.union[16:], data, status=status
    )
