"""The stub, compiled once per session and started per test."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .host import Host

SOURCE = Path(__file__).parents[2] / "vm_images" / "wine" / "kdstub"


class Stub:
    """A running stub, the host's end of its serial line, and the writing end of its carrier."""

    def __init__(self, binary: Path, fifo: Path, *options: str) -> None:
        os.mkfifo(fifo)
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [binary, *options, f"fd:{theirs.fileno()}", fifo], pass_fds=[theirs.fileno()], stderr=subprocess.PIPE
            )
        self.line = ours
        self.host = Host(ours)
        self.carrier = os.open(fifo, os.O_RDWR)

    def write(self, *records: bytes) -> None:
        for record in records:
            os.write(self.carrier, record)

    def close(self) -> str:
        """Ends it; returns what it wrote to stderr. A second call does nothing."""
        if self.carrier < 0:
            return ""
        self.line.close()
        os.close(self.carrier)
        self.carrier = -1
        self.process.terminate()
        return self.process.communicate(timeout=5)[1].decode()


@pytest.fixture(scope="session")
def kdstub_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("kdstub")
    subprocess.run(["make", "-s", "-C", SOURCE, f"OUT={directory}", "CC=cc"], check=True)
    return directory / "kdstub"


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
