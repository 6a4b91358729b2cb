"""The stub, started per test."""

from __future__ import annotations

import os
import select
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .host import Host


class Stub:
    """A running stub, the host's end of its serial line, and the writing end of its carrier."""

    def __init__(self, binary: Path, fifo: Path, *options: str) -> None:
        os.mkfifo(fifo)
        self._command = [str(binary), *options]
        self._fifo = fifo
        self.line, self._far_end = socket.socketpair()
        self.host = Host(self.line)
        self.carrier = os.open(fifo, os.O_RDWR)
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        far_end = self._far_end.fileno()
        command = [*self._command, f"fd:{far_end}", str(self._fifo)]
        return subprocess.Popen(command, pass_fds=[far_end], stderr=subprocess.PIPE)

    def restart(self) -> None:
        """Kills it and starts another on the same line and carrier."""
        self.process.kill()
        self.process.communicate()
        self.process = self._start()

    def wait_alone(self) -> None:
        """Reads, but answers nothing, until it has given up."""
        assert self.process.stderr
        told = self.process.stderr.fileno()
        while told not in (ready := select.select([told, self.line.fileno()], [], [], 10)[0]):
            assert ready, "it waits for a debugger"
            self.host.raw()
        assert b"no debugger" in self.process.stderr.readline()
        while self.host.raw(0.01):
            pass

    def write(self, *records: bytes) -> None:
        for record in records:
            os.write(self.carrier, record)

    def close(self) -> str:
        """Ends it; returns what it wrote to stderr. A second call does nothing."""
        if self.carrier < 0:
            return ""
        self.line.close()
        self._far_end.close()
        os.close(self.carrier)
        self.carrier = -1
        self.process.terminate()
        return self.process.communicate(timeout=5)[1].decode()


@pytest.fixture(scope="session")
def debuggee_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("debuggee") / "debuggee"
    source = Path(__file__).with_name("debuggee.c")
    subprocess.run(["cc", "-O1", "-g", "-pthread", "-o", path, source], check=True)
    return path


@pytest.fixture
def stub(kdstub_binary: Path, tmp_path: Path) -> Iterator[Stub]:
    stub = Stub(kdstub_binary, tmp_path / "carrier")
    yield stub
    stub.close()


@pytest.fixture
def hasty_stub(kdstub_binary: Path, tmp_path: Path) -> Iterator[Stub]:
    """Gives a silent host up after 4 tries of 50 ms."""
    stub = Stub(kdstub_binary, tmp_path / "carrier", "--ack-timeout-ms", "50", "--tries", "4")
    yield stub
    stub.close()
