"""The traffic program's run in the guest: listened to in a thread of its own, given up when the guest dies or hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from lab.scenario.running import RunningGuest

POLL = 0.05
AFTERMATH = 0.5
"""Seconds for what the traffic program had told before the guest died, or tells of those that hang."""


class Performance:
    """One command that is being performed. Its output lines go to `on_line`, none after `wait` has returned."""

    def __init__(self, guest: RunningGuest, argv: list[str], on_line: Callable[[str], None], timeout: float) -> None:
        self._guest = guest
        self._argv = argv
        self._on_line = on_line
        self._timeout = timeout
        self._code: int | None = None
        self._error: BaseException | None = None
        self._over = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self._thread.start()

    def wait(self, is_dead: Callable[[], bool], is_hung: Callable[[], bool]) -> int | None:
        """Return the exit code when it has ended; None when the guest, or its driver's host, has died or hangs.

        Raises what the command ended with, if nobody died.
        """
        dead = False
        given_up: float | None = None
        while self._thread.is_alive():
            self._thread.join(POLL)
            dead = dead or is_dead()
            if given_up is None and (dead or is_hung()):
                given_up = time.monotonic() + AFTERMATH
            if given_up is not None and time.monotonic() > given_up:
                break
        with self._lock:
            self._over = True
        if self._error is not None and not dead:
            raise self._error
        return self._code

    def _run(self) -> None:
        try:
            self._code = self._guest.stream(self._argv, self._line, self._timeout)
        except BaseException as error:
            self._error = error

    def _line(self, line: str) -> None:
        with self._lock:
            if not self._over:
                self._on_line(line)
