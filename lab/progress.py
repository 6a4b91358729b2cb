"""Long work told as it goes: one line per phase with its time, a spinner on a terminal while it lasts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

TITLE_WIDTH = 34


NEVER_WRAPPED = 400
"""Columns for output that goes into a file or a pipe: lines there are for grep."""


def plain_console() -> Console:
    """A console on stdout that does not colour numbers and paths, and wraps lines only on a terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=NEVER_WRAPPED)


class Phase:
    """A phase that is going on; `detail` is shown behind its time when it has ended."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.detail = ""


class Progress:
    """Prints phases to a console. On anything that is no terminal: plain lines, nothing overwritten."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or plain_console()
        self._start = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since this progress began."""
        return time.monotonic() - self._start

    @contextmanager
    def phase(self, title: str) -> Iterator[Phase]:
        """Show `title` while the block runs, then its time; a failing block shows as failed."""
        phase = Phase(title)
        start = time.monotonic()
        status = self.console.status(f"{title} ...") if self.console.is_terminal else None
        if status:
            status.start()
        mark = "[red]failed[/red]"
        try:
            yield phase
            mark = ""
        finally:
            if status:
                status.stop()
            self._line(phase, time.monotonic() - start, mark)

    def note(self, text: str) -> None:
        """A line between phases."""
        self.console.print(f"  {text}", markup=False)

    def _line(self, phase: Phase, seconds: float, mark: str) -> None:
        tail = f"  {phase.detail}" if phase.detail else ""
        self.console.print(f"  {phase.title:<{TITLE_WIDTH}} {seconds:7.1f} s{tail} {mark}".rstrip())


class Silent(Progress):
    """A progress that prints nothing."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
