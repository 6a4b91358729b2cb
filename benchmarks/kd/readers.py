"""Who reads what a target prints: the client, and what does as little as possible."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.kd.client import KdClient
from lab.kd.kd_state import KdState
from lab.kd.log import KdLog, read_log
from lab.kd.transport import SocketTransport, Transport

DEADLINE = 300.0


def read_only(connection: socket.socket) -> float:
    """Read to the end and throw it away; returns the seconds from the first byte on."""
    connection.recv(1)
    begin = time.perf_counter()
    while connection.recv(1 << 16):
        pass
    return time.perf_counter() - begin


def acknowledge_only(connection: socket.socket, packet_bytes: int, count: int) -> float:
    """Count bytes, and answer so many with a ready acknowledgement; returns the seconds from the first byte on."""
    answers = [struct.pack("<4sHHII", b"iiii", 4, 0, 0x80800000 | parity, 0) for parity in (0, 1)]
    had = len(connection.recv(1))
    begin = time.perf_counter()
    for number in range(count):
        while had < packet_bytes:
            had += len(connection.recv(1 << 16))
        had -= packet_bytes
        connection.sendall(answers[number & 1])
    return time.perf_counter() - begin


def client(transport: Transport, expected: list[str] | int) -> float:
    """The client with its log; returns the seconds to the last print. All must be there, in order."""
    with TemporaryDirectory() as directory:
        log = KdLog(Path(directory))
        reader = KdClient(transport, log)
        begin = time.time()
        reader.start()
        while reader.state is not KdState.LOST:  # nobody subscribes, as nobody does in the lab's supervisor
            if time.time() - begin > DEADLINE:
                raise RuntimeError(f"the stream did not end in {DEADLINE:g} s")
            time.sleep(0.005)
        reader.close()
        log.close()
        prints = [entry for entry in read_log(log.path) if entry.kind == "print"]
    texts = [entry.text for entry in prints]
    if isinstance(expected, int):
        expected = [f"burst {number:08} of a driver that prints in a loop\n" for number in range(expected)]
    if texts != expected:
        raise RuntimeError(f"{len(texts)} of {len(expected)} prints arrived, or not in order")
    return prints[-1].t - begin  # the end of the stream comes later: QEMU takes its time


def socket_client(connection: socket.socket, expected: int) -> float:
    """The client on a socket; returns the seconds from the first byte on."""
    connection.recv(1, socket.MSG_PEEK)
    return client(SocketTransport(connection.dup()), expected)
