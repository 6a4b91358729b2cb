"""A target behind a real address: a unix socket, a TCP port, a pseudo terminal."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from .target import Target


class Source(Protocol):
    """What a recording that is played back is, too."""

    def recv(self, size: int, timeout: float | None) -> bytes | None: ...
    def send(self, data: bytes) -> None: ...


class Simulated:
    """The simulated target. It goes away when `ends` is set and all is said."""

    def __init__(self, target: Target, *, ends: bool = True) -> None:
        self.target = target
        self.ends = ends

    def recv(self, _size: int, _timeout: float | None) -> bytes | None:
        self.target.tick(time.monotonic())
        return self.target.take_output() or (b"" if self.ends and self.target.idle else None)

    def send(self, data: bytes) -> None:
        self.target.receive(data, time.monotonic())


class PlainText:
    """A target that knows nothing of packets."""

    def __init__(self, text: bytes) -> None:
        self._pieces = [text[i : i + 100] for i in range(0, len(text), 100)]

    def recv(self, _size: int, _timeout: float | None) -> bytes | None:
        return self._pieces.pop(0) if self._pieces else b""

    def send(self, data: bytes) -> None:
        pass


@contextmanager
def served(source: Source, kind: str, directory: Path) -> Iterator[str]:
    """Serve to one client; gives the address. `kind`: unix, tcp or pty."""
    stop = threading.Event()
    if kind == "pty":
        master, line = os.openpty()
        tty.setraw(line)
        thread = threading.Thread(target=_play, args=(source, master, stop))
        address = os.ttyname(line)
    else:
        if kind == "unix":
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(directory / "kd.sock"))
            listener.listen()
            address = f"unix:{directory / 'kd.sock'}"
        else:
            listener = socket.create_server(("127.0.0.1", 0))
            address = f"tcp:127.0.0.1:{listener.getsockname()[1]}"
        listener.settimeout(10.0)
        thread = threading.Thread(target=_accept, args=(source, listener, stop))
    thread.start()
    try:
        yield address
    finally:
        stop.set()
        thread.join(5.0)
        if kind == "pty":
            os.close(line)
        else:
            listener.close()


def _accept(source: Source, listener: socket.socket, stop: threading.Event) -> None:
    connection, _ = listener.accept()
    _play(source, connection.detach(), stop)


def _play(source: Source, descriptor: int, stop: threading.Event) -> None:
    try:
        while not stop.is_set():
            data = source.recv(4096, 0)
            if data == b"":
                break
            while data:
                data = data[os.write(descriptor, data) :]
            if select.select([descriptor], [], [], 0.002)[0]:
                received = os.read(descriptor, 4096)
                if not received:
                    break
                source.send(received)
    except OSError:
        pass  # the other side has left
    finally:
        os.close(descriptor)
