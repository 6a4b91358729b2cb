"""Every kind of address, with something real behind it; and what is said of addresses that mean nothing."""

from __future__ import annotations

import os
import socket
import termios
from pathlib import Path

import pytest

from lab.errors import GuestLostError, UsageError
from lab.kd.address import open_address
from lab.kd.replay import ReplayTransport
from lab.kd.transport import Transport


def exchange(transport: Transport, send: bytes, other: socket.socket) -> None:
    other.sendall(send)
    assert transport.recv(100, 5.0) == send
    transport.send(b"back" + send)
    assert other.recv(100) == b"back" + send
    other.close()
    assert transport.recv(100, 5.0) == b""
    transport.close()


def test_a_unix_socket_however_long_its_path(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 100)
    directory.mkdir()
    listener = socket.socket(socket.AF_UNIX)
    descriptor = os.open(directory, os.O_PATH)
    listener.bind(f"/proc/self/fd/{descriptor}/kd.sock")
    os.close(descriptor)
    listener.listen()
    transport = open_address(f"unix:{directory}/kd.sock")
    exchange(transport, b"\x00\xff", listener.accept()[0])
    listener.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_tcp_port(host: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    transport = open_address(f"tcp:{host}:{listener.getsockname()[1]}")
    exchange(transport, b"hello", listener.accept()[0])
    listener.close()


@pytest.mark.parametrize(("suffix", "speed"), [("", termios.B115200), ("@9600", termios.B9600)])
def test_a_serial_line_is_raw_at_its_speed_and_ours_alone(suffix: str, speed: int) -> None:
    master, line = os.openpty()
    device = os.ttyname(line)
    transport = open_address(device + suffix)
    attributes = termios.tcgetattr(line)
    assert attributes[4] == attributes[5] == speed
    with pytest.raises(GuestLostError, match="in use"):
        open_address(device)
    os.close(line)
    every_byte = bytes(range(256)) * 4
    os.write(master, every_byte)
    received = b""
    while len(received) < len(every_byte):
        received += transport.recv(4096, 5.0) or b""
    assert received == every_byte
    transport.send(every_byte)
    echoed = b""
    while len(echoed) < len(every_byte):
        echoed += os.read(master, 4096)
    assert echoed == every_byte
    os.close(master)
    assert transport.recv(1, 5.0) == b""
    transport.close()


def test_a_recording(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"text")
    assert isinstance(open_address(f"file:{tmp_path}/x.bin"), ReplayTransport)


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("", "it must be unix:PATH"),
        ("target", "it must be"),
        ("udp:127.0.0.1:1", "it must be"),
        ("unix:", "it must be"),
        ("tcp:127.0.0.1", "tcp:HOST:PORT"),
        ("tcp:127.0.0.1:0", "tcp:HOST:PORT"),
        ("tcp:127.0.0.1:65536", "tcp:HOST:PORT"),
        ("tcp:::1:5000", "tcp:HOST:PORT"),
        ("/dev/ttyS0@fast", "/dev/ttyS0@115200"),
        ("/dev/null@12345", "9600, "),
        ("/dev/null", "/dev/ttyS0"),
        ("/dev/ttyNONE", "does it exist"),
        ("file:/nonexistent.bin", "raw bytes"),
        ("/proc/self/status", "file:/proc/self/status"),
    ],
)
def test_what_cannot_be_meant_is_told_with_what_would_be_right(address: str, advice: str) -> None:
    with pytest.raises(UsageError) as error:
        open_address(address)
    assert advice in error.value.advice


def test_nobody_listening_is_a_lost_guest(tmp_path: Path) -> None:
    for address in (f"unix:{tmp_path}/none.sock", "tcp:127.0.0.1:1"):
        with pytest.raises(GuestLostError, match="cannot reach"):
            open_address(address)
