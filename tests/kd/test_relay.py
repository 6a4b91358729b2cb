"""The TCP port in front of the bridge."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.errors import GuestLostError, UsageError
from lab.kd.client import KdClient
from lab.kd.relay import Relay
from lab.kd.transport import TcpTransport

from .target import print_message
from .test_bridge import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


class Port:
    """A relay that serves."""

    def __init__(self, bridge: Path) -> None:
        self.told: list[str] = []
        self.relay = Relay("127.0.0.1:0", bridge, self.told.append)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        try:
            self.relay.serve()
        except (GuestLostError, OSError, ValueError) as error:
            self.told.append(repr(error))


def test_a_debugger_over_tcp_one_at_a_time(lab: Lab) -> None:
    port = Port(lab.socket)
    for turn in range(3):
        client = KdClient(TcpTransport("127.0.0.1", port.relay.port))
        client.start()
        assert client.break_in(5.0).code == 0x80000003
        other = socket.create_connection(("127.0.0.1", port.relay.port))
        assert other.recv(1) == b""
        other.close()
        assert client.read_virtual(0x1000, 4) == bytes(range(4))
        client.close()
        lab.wait(lambda turn=turn: lab.noted("left") == turn + 1)  # type: ignore[misc]
    lab.live.say(print_message(b"on\n"))
    lab.wait(lambda: "on\n" in lab.printed)
    lab.wait(lambda: len(port.told) == 9)
    assert [text.split()[1] for text in port.told] == ["connected", "refused:", "left"] * 3


def test_when_the_lab_ends_the_debugger_is_told(lab: Lab) -> None:
    port = Port(lab.socket)
    transport = TcpTransport("127.0.0.1", port.relay.port)
    lab.wait(lambda: lab.noted("attached") == 1)
    lab.bridge.close()
    assert transport.recv(1, 5.0) == b""
    transport.close()
    lab.wait(lambda: len(port.told) == 2)
    assert "sent away" in port.told[1]


def test_a_bridge_that_is_gone_ends_it(tmp_path: Path) -> None:
    relay = Relay("127.0.0.1:0", tmp_path / "none.sock", print)
    socket.create_connection(("127.0.0.1", relay.port)).close()
    with pytest.raises(GuestLostError):
        relay.serve()
    relay.close()


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.168.1.1:5000", "127.0.0.1", "nonsense", "127.0.0.1:99999"])
def test_only_a_loopback_address_will_do(listen: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--listen"):
        Relay(listen, tmp_path / "kd-bridge.sock", print)


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(UsageError, match="in use"):
        Relay(f"127.0.0.1:{other.getsockname()[1]}", tmp_path / "kd-bridge.sock", print)
