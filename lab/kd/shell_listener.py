"""Shows what a target prints while somebody works with it at a prompt."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from lab.errors import HungError
from lab.kd.attribution import PREFIX
from lab.kd.client import KdClient
from lab.kd.events import BugcheckEvent, KdEvent, LinkLostEvent, ModuleEvent, NoteEvent, PrintEvent, ResyncEvent
from lab.kd.plain import visible

PATIENCE = 0.3
"""Seconds that a line without its end waits for the rest."""
MAX_LINE = 8192

Say = Callable[[str], None]


class Listener:
    """Follows a client's events on a thread of its own, line by line, until it is closed."""

    def __init__(self, client: KdClient, say: Say) -> None:
        self.prints = True
        """Whether prints and module loads are shown; what matters more always is."""
        self.lost = ""
        """Why the link is gone."""
        self._say = say
        self._subscription = client.subscribe()
        self._rest = ""
        self._met = False
        """It has said something; a target that only just begins to restarts its link first."""
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="kd-listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Show what has come, and no more."""
        self._subscription.close()
        self._closing = True
        self._subscription.put(NoteEvent(text=""))
        self._thread.join(2 * PATIENCE)

    def _run(self) -> None:
        while not self.lost:
            try:
                event = self._subscription.get(0 if self._closing else PATIENCE)
            except HungError:
                self._end_line()
                if self._closing:
                    return
                continue
            self._show(event)

    def _show(self, event: KdEvent) -> None:
        if isinstance(event, PrintEvent):
            self._met = True
            *lines, self._rest = (self._rest + event.text).split("\n")
            for line in lines:
                self._print(line)
            if len(self._rest) > MAX_LINE or not self.prints:
                self._end_line()
            return
        self._end_line()
        if not isinstance(event, ResyncEvent):
            self._met = True
        if isinstance(event, BugcheckEvent):
            parameters = ", ".join(f"{each:#x}" for each in event.parameters)
            self._say(f"*** bugcheck {event.code:#x} ({parameters}) {visible(event.driver or '')}".rstrip())
        elif isinstance(event, ResyncEvent):
            if self._met:
                self._say("*** the target restarted: breakpoints are gone")
        elif isinstance(event, LinkLostEvent):
            self.lost = event.text
            self._say(f"*** {event.text}")
        elif isinstance(event, ModuleEvent) and self.prints:
            what = "unload" if event.unload else "load"
            self._say(f"({what} {visible(event.name)} at {event.base:#x})")

    def _end_line(self) -> None:
        if self._rest:
            self._print(self._rest)
        self._rest = ""

    def _print(self, line: str) -> None:
        """A line of the target's; the traffic program's announcements are for the log alone."""
        if self.prints and not line.startswith(PREFIX):
            self._say(visible(line))


class Terminal:
    """Where the shell writes: lines that come while somebody types are put above what is typed so far."""

    def __init__(self) -> None:
        self.prompt: Callable[[], str] = str
        """What stands in front of what is typed."""
        self._lock = threading.Lock()
        self.typing = False
        """Somebody is at the prompt."""

    def say(self, text: str) -> None:
        """Print whole lines."""
        with self._lock:
            if not self.typing:
                print(text, flush=True)
                return
            import readline

            sys.stdout.write(f"\r\033[K{text}\n{self.prompt()}{readline.get_line_buffer()}")
            sys.stdout.flush()
