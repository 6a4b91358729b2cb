"""What a Windows guest tells on its second serial port while it is provisioned.

The port carries other text too: firmware writes its console to every serial port, and lines may be cut by a restart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

PREFIX = b"LAB "
MAX_LINE = 64 << 10
EVENTS = ("start", "begin", "end", "failed", "restarting", "check", "done")


@dataclass(frozen=True)
class Report:
    """One line of the guest's."""

    event: str
    stage: str
    text: str

    def answers(self) -> dict[str, Any]:
        """What a `check` read back; empty when that cannot be read."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class SerialReports:
    """Cuts the reports out of the port's bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Report]:
        """The reports that `data` completes. Whatever is no report is passed over."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-MAX_LINE:]
        reports = (_report(line) for line in lines)
        return [each for each in reports if each]


def _report(line: bytes) -> Report | None:
    start = line.find(PREFIX + b"{")
    if start < 0:
        return None
    try:
        found = json.loads(line[start + len(PREFIX) :])
    except ValueError:
        return None
    event, stage, text = (found.get(key) for key in ("event", "stage", "text"))
    if event not in EVENTS or not isinstance(stage, str) or not isinstance(text, str):
        return None
    return Report(event, stage, text)
