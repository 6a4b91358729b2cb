"""A real process for the stub to stop, and what a debugger says to it."""

from __future__ import annotations

import struct
import subprocess
import time
from pathlib import Path

from .conftest import Stub
from .host import BREAK_IN, CONTINUE2, Host, Packet, Stop, request
from .records import Writer, host_record, module_record

PATH = rb"\??\C:\lab\drivers\example.sys"
RIP, RSP, RDI = 0xF8, 0x98, 0xB0
"""Where registers are in a CONTEXT."""


class Debuggee:
    """A running child, and where things are in it."""

    def __init__(self, binary: Path) -> None:
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.places = {name: int(value) for name, value in (each.split("=") for each in self.line().split())}
        self.sequence = 0

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def tell(self, command: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(command + "\n")

    def ask(self, command: str) -> str:
        self.tell(command)
        return self.line()

    def calls(self) -> int:
        return int(self.ask("calls").split()[1])

    def wait_calls(self, more_than: int) -> None:
        """It goes on calling, though a busy machine may keep it from doing so at once."""
        deadline = time.monotonic() + 5
        while self.calls() <= more_than:
            assert time.monotonic() < deadline, "it stands still"

    def writer(self) -> Writer:
        return Writer(self.pid, self.pid)

    def wait(self) -> Writer:
        """Its first thread waits for the debugger; returns who writes the record of that."""
        self.sequence += 1
        tid = int(self.ask(f"wait {self.sequence}").split()[1])
        return Writer(self.pid, tid, self.places["hold"], self.places["context"], self.sequence)

    def tracer(self) -> int:
        """Who has it under ptrace; the first of its threads that is found so counts."""
        tracers = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                status = (task / "status").read_text()
            except OSError:
                continue
            tracers += [int(line.split()[1]) for line in status.splitlines() if line.startswith("TracerPid:")]
        return max(tracers, default=0)

    def wait_untraced(self) -> None:
        """Nobody is attached to it, at once or very soon: its threads are let go one after the other."""
        deadline = time.monotonic() + 5
        while self.tracer():
            assert time.monotonic() < deadline, "somebody is attached"

    def close(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=5)

    def announce(self, stub: Stub) -> None:
        """It has loaded a driver: a break-in stops it from now on."""
        stub.write(host_record(self.writer(), 0x1000, 0x2000, 0x3000, 0))
        stub.write(module_record(PATH, self.places["work"], writer=self.writer()))
        stub.host.expect_stop()
        stub.host.resume()


def break_in(host: Host) -> Stop:
    host.send(BREAK_IN)
    return Stop.of(host.expect_stop())


def status(reply: bytes) -> int:
    (value,) = struct.unpack_from("<I", reply, 8)
    return int(value)


def read(host: Host, address: int, count: int) -> bytes:
    reply = host.ask(request(0x3130, struct.pack("<QII", address, count, 0)))
    (moved,) = struct.unpack_from("<I", reply, 28)
    assert len(reply) == 56 + moved
    assert (status(reply) == 0) == (moved == count)
    return reply[56:]


def write(host: Host, address: int, data: bytes) -> int:
    reply = host.ask(request(0x3131, struct.pack("<QII", address, len(data), 0), data))
    return int(struct.unpack_from("<I", reply, 28)[0])


def context(host: Host, processor: int = 0) -> bytes:
    asked = bytearray(request(0x3132))
    struct.pack_into("<H", asked, 6, processor)
    reply = host.ask(bytes(asked))
    return reply[56:] if status(reply) == 0 else b""


def register(raw: bytes, offset: int) -> int:
    (value,) = struct.unpack_from("<Q", raw, offset)
    return int(value)


def set_context(host: Host, raw: bytes) -> int:
    return status(host.ask(request(0x3133, b"", raw)))


def set_breakpoint(host: Host, address: int) -> int:
    reply = host.ask(request(0x3134, struct.pack("<QI", address, 0)))
    assert status(reply) == 0
    return int(struct.unpack_from("<I", reply, 24)[0])


def clear_breakpoint(host: Host, handle: int) -> int:
    return status(host.ask(request(0x3135, struct.pack("<I", handle))))


def step(host: Host) -> Stop:
    host.submit(request(CONTINUE2, struct.pack("<IIQQQ", 0x10002, 1, 0x400, 1, 0)))
    return Stop.of(host.expect_stop())


def switch(host: Host, processor: int) -> Packet:
    asked = bytearray(request(0x3150))
    struct.pack_into("<H", asked, 6, processor)
    host.submit(bytes(asked))
    return host.expect_stop()
