"""The listening socket and its connections: one thread each, authentication and encryption per connection."""

from __future__ import annotations

import contextlib
import socket
import threading

from .auth import Login, RejectedError, Users
from .encryption import CONTENT_TYPE, decrypt, encrypt
from .http import BadRequestError, Reader, Request, response
from .service import MAX_ENVELOPE, Service

_MAX_CONNECTIONS = 64
_MAX_BODY = MAX_ENVELOPE + 4096
_IDLE = 900.0
"""Seconds. Clients that find an NTLM connection closed cannot always recover: be patient."""
_REQUEST_DEADLINE = 60.0
_PATH = "/wsman"


class Server:
    """Listens as soon as it exists. Raises OSError."""

    def __init__(self, address: tuple[str, int], users: Users, service: Service) -> None:
        self._users = users
        self._service = service
        self._free = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        self._listener = socket.create_server(address, backlog=64)
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        """Until `close`."""
        self._listener.settimeout(30)
        while True:
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                self._service.shells.expire()
                continue
            except OSError:
                return
            if self._free.acquire(blocking=False):
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            else:
                with contextlib.suppress(OSError), connection:
                    connection.sendall(response(503, keep_alive=False))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._converse(connection)
        finally:
            self._free.release()

    def _converse(self, connection: socket.socket) -> None:
        reader = Reader(connection, _MAX_BODY, _IDLE, _REQUEST_DEADLINE)
        login = Login(self._users)
        while True:
            try:
                request = reader.next()
            except BadRequestError as error:
                connection.sendall(response(error.status, keep_alive=False))
                _discard(connection)
                return
            if request is None:
                return
            connection.sendall(self._respond(login, request))
            if not request.keep_alive:
                return

    def _respond(self, login: Login, request: Request) -> bytes:
        if request.path.split("?")[0].rstrip("/").lower() != _PATH:
            return response(404, keep_alive=request.keep_alive)
        if request.method != "POST":
            return response(405, keep_alive=request.keep_alive)
        admitted, challenges = login.admit(request.headers.get("authorization", ""))
        if not admitted:
            return response(401, challenges=challenges, keep_alive=request.keep_alive)
        encrypted = request.headers.get("content-type", "").lower().startswith("multipart/encrypted")
        if not request.body:
            return response(200, keep_alive=request.keep_alive)
        if not encrypted:
            status, answer = self._service.answer(request.body)
            return response(status, answer, keep_alive=request.keep_alive)
        if login.session is None:
            return response(401, challenges=challenges, keep_alive=request.keep_alive)
        try:
            envelope = decrypt(login.session, request.body)
        except RejectedError:
            return response(400, keep_alive=request.keep_alive)
        status, answer = self._service.answer(envelope)
        return response(status, encrypt(login.session, answer), CONTENT_TYPE, keep_alive=request.keep_alive)


def _discard(connection: socket.socket) -> None:
    """Reads what the client still sends, for a moment: otherwise the kernel resets and our answer is lost."""
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(2)
    for _ in range(256):
        if not connection.recv(65536):
            return
