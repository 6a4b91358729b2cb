"""HTTP/1.1 as far as WinRM clients use it: POST with a Content-Length, connections that stay open."""

from __future__ import annotations

import socket

_MAX_HEAD = 16 * 1024
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class BadRequestError(Exception):
    """The connection cannot be used any further; `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(_REASONS[status])
        self.status = status


class Request:
    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes, keep_alive: bool) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.keep_alive = keep_alive


class Reader:
    """Takes requests off a connection. A request must be complete `deadline` seconds after its first byte."""

    def __init__(self, connection: socket.socket, max_body: int, idle: float, deadline: float) -> None:
        self._connection = connection
        self._max_body = max_body
        self._idle = idle
        self._deadline = deadline
        self._buffer = bytearray()

    def _more(self) -> bool:
        data = self._connection.recv(65536)
        self._buffer += data
        return bool(data)

    def next(self) -> Request | None:
        """None when the client has closed. Raises BadRequestError, TimeoutError, OSError."""
        self._connection.settimeout(self._idle)
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _MAX_HEAD:
                raise BadRequestError(400)
            if not self._more():
                return None
            self._connection.settimeout(self._deadline)
        head = bytes(self._buffer[:end]).decode("latin-1")
        del self._buffer[: end + 4]
        method, path, version, headers = _parse_head(head)
        body = self._body(headers)
        keep_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        return Request(method, path, headers, body, keep_alive)

    def _body(self, headers: dict[str, str]) -> bytes:
        if "transfer-encoding" in headers:
            raise BadRequestError(411)
        text = headers.get("content-length", "0")
        if not (text.isascii() and text.isdigit()) or len(text) > 12:
            raise BadRequestError(400)
        length = int(text)
        if length > self._max_body:
            raise BadRequestError(413)
        if headers.get("expect", "").lower() == "100-continue":
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(self._buffer) < length:
            if not self._more():
                raise BadRequestError(400)
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body


def _parse_head(head: str) -> tuple[str, str, str, dict[str, str]]:
    first, *lines = head.split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequestError(400)
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise BadRequestError(400)
        headers[name.strip().lower()] = value.strip()
    return parts[0], parts[1], parts[2], headers


def response(
    status: int,
    body: bytes = b"",
    content_type: str = "application/soap+xml;charset=UTF-8",
    challenges: tuple[str, ...] = (),
    keep_alive: bool = True,
) -> bytes:
    """The whole response, for one send."""
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}", "Server: Microsoft-HTTPAPI/2.0"]
    lines += [f"WWW-Authenticate: {challenge}" for challenge in challenges]
    if body:
        lines.append(f"Content-Type: {content_type}")
    lines.append(f"Content-Length: {len(body)}")
    if not keep_alive:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
