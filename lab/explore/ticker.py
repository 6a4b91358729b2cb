"""Tells how it goes: on a terminal in one line that changes, else in a line now and then."""

from __future__ import annotations

import time
from types import TracebackType

from lab.progress import plain_console

EVERY = 10.0
"""Seconds between two lines where there is no terminal."""


class Ticker:
    """Shows the latest state."""

    def __init__(self) -> None:
        self._console = plain_console()
        self._status = self._console.status("") if self._console.is_terminal else None
        self._told = 0.0

    def __enter__(self) -> Ticker:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    def tell(self, text: str) -> None:
        """The state now."""
        if self._status:
            self._status.update(text)
        elif time.monotonic() - self._told > EVERY:
            self._told = time.monotonic()
            self.line(text)

    def line(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, markup=False, soft_wrap=True)
