"""The simulated target behind a real socket, on a thread of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

from lab.kd.transport import SocketTransport

from .target import Target


class LiveTarget:
    """Runs a target until it is closed; `transport` is the host's end. `pause` is what a paused machine is."""

    def __init__(self, target: Target) -> None:
        self.target = target
        ours, self._socket = socket.socketpair()
        self.transport = SocketTransport(ours)
        self.lock = threading.Lock()
        self._paused = False
        self._closing = False
        self._socket.settimeout(0.005)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def say(self, *messages: tuple[int, bytes]) -> None:
        with self.lock:
            self.target.script.extend(messages)

    def pause(self) -> None:
        with self.lock:
            self._paused = True

    def go_on(self, target: Target | None = None) -> None:
        """Let it run, from another state if one is given."""
        with self.lock:
            self.target = target or self.target
            self._paused = False

    def wait_until(self, condition: Callable[[], bool], seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come true"
            time.sleep(0.002)

    def close(self) -> None:
        self._closing = True
        self._thread.join(2.0)
        self._socket.close()

    def _run(self) -> None:
        while not self._closing:
            with self.lock:
                if not self._paused:
                    self._step()
            if self._paused:
                time.sleep(0.002)

    def _step(self) -> None:
        try:
            self.target.tick(time.monotonic())
            self._socket.sendall(self.target.take_output())
            data = self._socket.recv(4096)
        except TimeoutError:
            return
        except OSError:
            self._closing = True
            return
        if not data:
            self._closing = True
        self.target.receive(data, time.monotonic())
