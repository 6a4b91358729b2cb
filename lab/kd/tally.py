"""What a recording of a target came to, in numbers."""

from __future__ import annotations

from collections import Counter

from lab.kd.events import (
    BugcheckEvent,
    FileRequestEvent,
    KdEvent,
    ModuleEvent,
    PrintEvent,
    PromptEvent,
    RawEvent,
    ResyncEvent,
    StopEvent,
)
from lab.kd.link_events import Counters

_NAMES: dict[type[KdEvent], tuple[str, str]] = {
    PrintEvent: ("print", "prints"),
    RawEvent: ("line of plain text", "lines of plain text"),
    StopEvent: ("stop", "stops"),
    BugcheckEvent: ("bugcheck", "bugchecks"),
    PromptEvent: ("prompt", "prompts"),
    FileRequestEvent: ("file request", "file requests"),
}


class Tally:
    """Counts events."""

    def __init__(self) -> None:
        self._events: Counter[type[KdEvent]] = Counter()
        self._bytes = 0
        self._loads = 0
        self._unloads = 0

    def count(self, event: KdEvent) -> None:
        """Take note of an event."""
        self._events[type(event)] += 1
        if isinstance(event, PrintEvent):
            self._bytes += len(event.text)
        elif isinstance(event, ModuleEvent):
            self._unloads += event.unload
            self._loads += not event.unload

    def lines(self, link: Counters) -> list[str]:
        """A line on what came, and one on how it came."""
        came = []
        for kind, names in _NAMES.items():
            number = self._events[kind]
            if number or kind is PrintEvent:
                size = f" ({self._bytes} bytes)" if kind is PrintEvent else ""
                came.append(_many(number, *names) + size)
        if self._loads or self._unloads:
            came.append(f"{_many(self._loads, 'module', 'modules')} loaded, {self._unloads} unloaded")
        how = [
            _many(link.accepted, "packet", "packets"),
            _many(self._events[ResyncEvent], "start of the link", "starts of the link"),
            f"{link.duplicates} repeated by the target",
            f"{link.retransmissions} by us",
            _many(link.noise_bytes, "byte outside packets", "bytes outside packets"),
        ]
        if not link.accepted and link.noise_bytes:
            how.append("the target prints plain text and no debugger packets")
        return [", ".join(came), ", ".join(how)]


def _many(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
