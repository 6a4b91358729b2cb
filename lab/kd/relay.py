"""A TCP port in front of the bridge: for debuggers that reach a serial line over TCP only."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from pathlib import Path

from lab.errors import GuestLostError, UsageError
from lab.kd.address import parse_host_and_port
from lab.kd.transport import connect_unix

LOOPBACK = ("127.0.0.1", "::1", "localhost")
CHUNK = 1 << 16
TAKES_WITHIN = 10.0
"""Seconds that a side may take no bytes before it counts as gone."""


class Relay:
    """Copies bytes between one TCP client at a time and the bridge's unix socket."""

    def __init__(self, listen: str, bridge: Path, tell: Callable[[str], None]) -> None:
        """Listen on `listen`, HOST:PORT. Raises UsageError if that is no loopback address or not free."""
        self._bridge = bridge
        self._tell = tell
        place = parse_host_and_port(listen)
        if place is None:
            raise UsageError(f"--listen {listen!r} is no address", "write 127.0.0.1:PORT; port 0 is any free one")
        if place[0] not in LOOPBACK:
            what = f"--listen {listen}: whoever reaches that port owns the guest's kernel, so only loopback is allowed"
            raise UsageError(what, "listen on 127.0.0.1 and forward it: ssh -L PORT:127.0.0.1:PORT THIS-HOST")
        family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        try:
            self._listener = socket.create_server(place, family=family, backlog=2)
        except OSError as error:
            raise UsageError(f"cannot listen on {listen}: {error.strerror}", "choose another port, or 0") from error
        self._client: socket.socket | None = None
        self._target: socket.socket | None = None
        self._who = ""
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._listener.getsockname()[1])

    def serve(self) -> None:
        """Until interrupted. Raises GuestLostError when the bridge is gone."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._client and self._target:
                    self._copy(self._client, self._target, "left")
                elif key.fileobj is self._target and self._client:
                    self._copy(self._target, self._client, "was sent away: see the kd log")

    def close(self) -> None:
        """Listen no more; a client that is there is sent away."""
        self._hang_up()
        self._selector.close()
        self._listener.close()

    def _accept(self) -> None:
        connection, (host, port, *_) = self._listener.accept()
        who = f"{host}:{port}"
        if self._client is not None:
            connection.close()
            self._tell(f"{who} refused: {self._who} is connected")
            return
        try:
            self._target = connect_unix(self._bridge)
        except GuestLostError:
            connection.close()
            raise
        self._client, self._who = connection, who
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for each in (self._client, self._target):
            each.settimeout(TAKES_WITHIN)
            self._selector.register(each, selectors.EVENT_READ)
        self._tell(f"{who} connected")

    def _copy(self, source: socket.socket, sink: socket.socket, ending: str) -> None:
        try:
            data = source.recv(CHUNK)
            if data:
                sink.sendall(data)
                return
        except OSError as error:
            ending = f"left: {error.strerror or error}"
        self._hang_up()
        self._tell(f"{self._who} {ending}")

    def _hang_up(self) -> None:
        for each in (self._client, self._target):
            if each is not None:
                self._selector.unregister(each)
                each.close()
        self._client = self._target = None
