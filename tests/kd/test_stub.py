"""The client and the stub of the Wine guest's image: two implementations of one protocol."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.kd.client import KdClient
from lab.kd.log import KdLog, LogEntry, read_log
from lab.kd.state_change import Machine
from lab.kd.transport import SocketTransport

PRINT, LOAD, UNLOAD, BUGCHECK = range(1, 5)


class Guest:
    """A stub, the pipe that feeds it, and a client on its serial line."""

    def __init__(self, binary: Path, directory: Path) -> None:
        fifo = directory / "carrier"
        os.mkfifo(fifo)
        ours, theirs = socket.socketpair()
        with theirs:
            command = [str(binary), f"fd:{theirs.fileno()}", str(fifo)]
            self._stub = subprocess.Popen(command, pass_fds=[theirs.fileno()], stderr=subprocess.DEVNULL)
        self._carrier = os.open(fifo, os.O_RDWR)
        self.log = KdLog(directory)
        self.client = KdClient(SocketTransport(ours), self.log)
        self.client.start()

    def write(self, kind: int, payload: bytes) -> None:
        """What the driver host writes."""
        head = struct.pack("<4sHHII", b"KDR2", 64 + len(payload), kind, 40, 44)
        os.write(self._carrier, head.ljust(64, b"\0") + payload)

    def print(self, text: bytes) -> None:
        self.write(PRINT, struct.pack("<III", 101, 3, 0) + text)

    def entries(self) -> list[LogEntry]:
        return list(read_log(self.log.path))

    def printed(self) -> bytes:
        return "".join(entry.text for entry in self.entries() if entry.kind == "print").encode("latin-1")

    def close(self) -> None:
        self.client.close()
        self.log.close()
        os.close(self._carrier)
        self._stub.terminate()
        self._stub.wait(5)


@pytest.fixture
def guest(kdstub_binary: Path, tmp_path: Path) -> Iterator[Guest]:
    guest = Guest(kdstub_binary, tmp_path)
    yield guest
    guest.close()


def test_a_burst_of_prints_is_there_after_sync(guest: Guest) -> None:
    lines = [b"%d: Example, Write called\n" % i for i in range(2000)]
    for line in lines:
        guest.print(line)
    guest.client.sync(20.0)
    assert guest.printed() == b"".join(lines)


def test_long_and_strange_text_is_exact(guest: Guest) -> None:
    text = bytes(range(256)) * 15
    guest.print(text)
    guest.client.sync(5.0)
    assert guest.printed() == text


def test_modules_come_between_the_prints_where_they_belong(guest: Guest) -> None:
    guest.print(b"before\n")
    guest.write(LOAD, struct.pack("<QIIII", 0x7F0000000000, 0x5000, 0x1234, 0, 0) + rb"\??\C:\lab\example.sys")
    guest.print(b"between\n")
    guest.write(UNLOAD, struct.pack("<QIIII", 0x7F0000000000, 0x5000, 0x1234, 0, 0) + rb"\??\C:\lab\example.sys")
    guest.client.sync(5.0)
    entries = [entry for entry in guest.entries() if entry.kind in ("print", "module")]
    assert [entry.kind for entry in entries] == ["print", "module", "print", "module"]
    assert [entry.extras.get("unload") for entry in entries] == [None, False, None, True]
    assert entries[1].extras["name"] == r"\??\C:\lab\example.sys"
    assert entries[1].extras["base"] == 0x7F0000000000


def test_a_bugcheck_is_reported_and_the_guest_goes_on(guest: Guest) -> None:
    guest.write(BUGCHECK, struct.pack("<II4QQ", 0xE2, 0, 1, 2, 3, 4, 0x7FF600000000) + b"example-fault.sys")
    guest.print(b"the next driver host\n")
    guest.client.sync(10.0)
    entries = guest.entries()
    (bugcheck,) = [entry for entry in entries if entry.kind == "bugcheck"]
    assert (bugcheck.extras["code"], bugcheck.extras["parameters"]) == (0xE2, [1, 2, 3, 4])
    assert any("example-fault.sys" in entry.text for entry in entries if entry.kind in ("bugcheck", "note"))
    assert [entry.extras["reason"] for entry in entries if entry.kind == "stop"] == ["bugcheck"]
    assert entries[-1].text == "the next driver host\n"


def test_a_held_guest_tells_its_version_and_prints_nothing(guest: Guest) -> None:
    guest.client.break_in(5.0)
    assert guest.client.version().machine is Machine.AMD64
    assert guest.client.read_virtual(0x1000, 16) == b""
    assert guest.client.get_context() is None
    guest.print(b"later\n")
    assert guest.printed() == b""
    guest.client.resume()
    guest.client.sync(5.0)
    assert guest.printed() == b"later\n"
