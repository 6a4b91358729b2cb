"""Time as a machine has it: it stands still while the machine is paused."""

from __future__ import annotations

import threading
import time

LONGEST_PAUSE = 600.0
"""Seconds after which a pause that nobody ended counts as over, so that no deadline is put off for ever."""


class MachineClock:
    """Seconds that do not go back. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lost = 0.0
        self._since: float | None = None

    def now(self) -> float:
        """The machine's time, in seconds from some beginning."""
        with self._lock:
            return self._now(time.monotonic())

    @property
    def paused(self) -> bool:
        """Does it stand still?"""
        with self._lock:
            return self._since is not None and time.monotonic() - self._since < LONGEST_PAUSE

    def pause(self) -> None:
        """The machine is paused; nothing if it is already."""
        with self._lock:
            if self._since is None:
                self._since = time.monotonic()

    def go_on(self) -> None:
        """The machine runs; nothing if it did."""
        with self._lock:
            if self._since is not None:
                self._lost += min(time.monotonic() - self._since, LONGEST_PAUSE)
                self._since = None

    def _now(self, real: float) -> float:
        paused = 0.0 if self._since is None else min(real - self._since, LONGEST_PAUSE)
        return real - self._lost - paused
