"""Where the bytes of a kernel debugger link come from: file descriptors, most of them sockets."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from lab.errors import GuestLostError
from lab.socket_address import socket_address

CONNECT_DEADLINE = 5.0
MAX_UNSENT = 1 << 20
GATHER_WITHIN = 0.01
"""Seconds."""
_INT = struct.Struct("i")


class Transport(Protocol):
    """A byte stream to one target. One thread receives and sends; any thread may call `wake`."""

    def recv(self, size: int, timeout: float | None) -> bytes | None:
        """Up to `size` bytes; b"" when the other side is gone; None after `timeout` seconds or `wake`."""

    def send(self, data: bytes) -> None:
        """Queue bytes without ever waiting for the target. Raises OSError when the other side is gone."""

    def wake(self) -> None:
        """Make the present or the next `recv` return at once."""

    @property
    def unread(self) -> int:
        """Bytes sent that the other side has not read yet, as far as the operating system tells."""

    def close(self) -> None:
        """Close; the target finds that nobody is there."""


class DescriptorTransport:
    """Whatever one can poll: a socket, a serial line. `read` and `write` must not wait."""

    def __init__(
        self, descriptor: int, read: Callable[[int], bytes], write: Callable[[bytes], int], close: Callable[[], None]
    ) -> None:
        self._descriptor = descriptor
        self._read = read
        self._write = write
        self._close = close
        self._unsent = bytearray()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._closing = threading.Lock()
        """A descriptor that was closed may be another's by now: `wake` must not write to it."""
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)

    def recv(self, size: int, timeout: float | None) -> bytes | None:
        received = self._try_recv(size)
        if received is not None:
            return received
        wanted = select.POLLIN | (select.POLLOUT if self._unsent else 0)
        self._poll.modify(self._descriptor, wanted)
        ready = dict(self._poll.poll(None if timeout is None else max(timeout, 0) * 1000))
        if self._wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake)
        if ready.get(self._descriptor, 0) & select.POLLOUT:
            self._flush()
        return self._try_recv(size)

    def send(self, data: bytes) -> None:
        if len(self._unsent) + len(data) > MAX_UNSENT:
            raise TimeoutError("the target's side does not take any bytes")
        self._unsent += data
        self._flush()

    def wake(self) -> None:
        with self._closing, contextlib.suppress(BlockingIOError):
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)

    @property
    def unread(self) -> int:
        try:
            queued = fcntl.ioctl(self._descriptor, termios.TIOCOUTQ, bytes(_INT.size))
        except OSError:
            return len(self._unsent)
        return len(self._unsent) + int(_INT.unpack(queued)[0])

    def close(self) -> None:
        with self._closing:
            if self._wake >= 0:
                self._close()
                os.close(self._wake)
                self._wake = -1

    def _try_recv(self, size: int) -> bytes | None:
        try:
            return self._read(size)
        except (BlockingIOError, InterruptedError):
            return None
        except ConnectionError:
            return b""

    def _flush(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self._write(bytes(self._unsent))]
        except (BlockingIOError, InterruptedError):
            return


@runtime_checkable
class GatheringTransport(Transport, Protocol):
    """One that can leave it to the operating system to put a packet together."""

    def recv_rest(self, count: int) -> bytes | None:
        """`count` bytes that are about to come; after GATHER_WITHIN what there is of them, None for nothing.

        Not ended by `wake`. A serial port brings its bytes one by one, and each wakes whoever waits for any.
        """


class SocketTransport(DescriptorTransport):
    """A connected stream socket."""

    def __init__(self, connection: socket.socket) -> None:
        # It waits in `recv_rest` alone, and there not for long.
        connection.settimeout(None)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(GATHER_WITHIN * 1e6)))
        self._connection = connection
        super().__init__(connection.fileno(), self._recv_now, self._send_now, connection.close)

    def recv_rest(self, count: int) -> bytes | None:
        """See GatheringTransport."""
        # Waking up for each byte keeps the processor awake: that answers faster than sleeping until all are there.
        data = b""
        until = time.monotonic() + GATHER_WITHIN
        try:
            while len(data) < count and time.monotonic() < until:
                more = self._connection.recv(count - len(data), socket.MSG_DONTWAIT if self._unsent else 0)
                if not more:
                    return data
                data += more
        except (BlockingIOError, InterruptedError):
            return data or None
        except ConnectionError:
            return data
        return data

    def _recv_now(self, size: int) -> bytes:
        return self._connection.recv(size, socket.MSG_DONTWAIT)

    def _send_now(self, data: bytes) -> int:
        return self._connection.send(data, socket.MSG_DONTWAIT)


class UnixTransport(SocketTransport):
    """A unix socket. Raises GuestLostError when nobody listens on it."""

    def __init__(self, path: Path) -> None:
        super().__init__(connect_unix(path))


class TcpTransport(SocketTransport):
    """A TCP connection. Raises GuestLostError when nobody listens there."""

    def __init__(self, host: str, port: int) -> None:
        try:
            connection = socket.create_connection((host, port), CONNECT_DEADLINE)
        except OSError as error:
            raise _nobody(f"tcp:{host}:{port}", error) from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(connection)


def connect_unix(path: Path) -> socket.socket:
    """A connection to a unix socket, however long its path. Raises GuestLostError when nobody listens on it."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(CONNECT_DEADLINE)
        with socket_address(path) as address:
            connection.connect(address)
    except OSError as error:
        connection.close()
        raise _nobody(str(path), error) from error
    return connection


def _nobody(where: str, error: OSError) -> GuestLostError:
    return GuestLostError(
        f"cannot reach a kernel debugger target at {where}: {error.strerror or error}",
        "is the virtual machine running, and is no other debugger attached to it?",
    )
