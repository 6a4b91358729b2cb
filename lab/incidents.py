"""What went wrong with a guest, from every side that can notice: one line of JSON each, in the logs of its start.

The file outlives the supervisor that wrote it: it tells how QEMU ended, too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import Cause

INCIDENTS = "incidents.jsonl"


class Kind:
    """The sides."""

    EXCEPTION = "exception"
    """The debugger: an exception in the kernel, or the driver host, that nobody handled."""
    BUGCHECK = "bugcheck"
    """The debugger: a stop code, as the kernel prints it or as its memory has it."""
    HOST_DEATH = "driver-host-death"
    """The debugger: the process that hosts the driver is gone, without a word."""
    BUGCHECK_STOP = "bugcheck-stop"
    """The debugger: the kernel has stopped for it."""
    SCENE = "scene"
    """What could be seen of a crash is on disk."""
    MEMORY = "memory"
    """The memory of the machine was taken while its kernel stood in the debugger, or why not."""
    PANIC = "guest-panic"
    """QEMU: the guest's panic device."""
    RESET = "guest-reset"
    SHUTDOWN = "guest-shutdown"
    QEMU_ENDED = "qemu-ended"
    RESTORED = "restored"
    """The guest is back in a snapshot: what went wrong before is undone."""
    LINK_LOST = "debugger-lost"


CAUSES = {
    Kind.EXCEPTION: Cause.CRASHED,
    Kind.BUGCHECK: Cause.CRASHED,
    Kind.HOST_DEATH: Cause.CRASHED,
    Kind.BUGCHECK_STOP: Cause.CRASHED,
    Kind.PANIC: Cause.CRASHED,
    Kind.RESET: Cause.GUEST_LOST,
    Kind.SHUTDOWN: Cause.GUEST_LOST,
    Kind.QEMU_ENDED: Cause.GUEST_LOST,
    Kind.LINK_LOST: Cause.GUEST_LOST,
}
"""What a scenario ends as when this comes first."""


@dataclass(frozen=True)
class Incident:
    """One observation. `t` is seconds since 1970, by the host's clock."""

    t: float
    kind: str
    text: str
    extras: dict[str, Any] = field(default_factory=dict)

    @property
    def cause(self) -> Cause | None:
        """None for what is no ending."""
        return CAUSES.get(self.kind)

    def to_json(self) -> dict[str, Any]:
        return {"t": round(self.t, 3), "kind": self.kind, "text": self.text, **self.extras}


class Journal:
    """Writes incidents. Each is in the file when `tell` returns; any thread may call it."""

    def __init__(self, directory: Path) -> None:
        self._stream = (directory / INCIDENTS).open("a", buffering=1, encoding="utf-8")

    def tell(self, kind: str, text: str, **extras: Any) -> None:
        incident = Incident(time.time(), kind, text, extras)
        if not self._stream.closed:
            self._stream.write(json.dumps(incident.to_json()) + "\n")

    def close(self) -> None:
        self._stream.close()


def read_incidents(directory: Path, start: int = 0) -> Iterator[Incident]:
    """Those in the file of `directory` from byte `start` on; a last line that is being written is left out."""
    try:
        with (directory / INCIDENTS).open("rb") as stream:
            stream.seek(start)
            lines = stream.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return
    for line in lines:
        data = json.loads(line)
        yield Incident(data.pop("t"), data.pop("kind"), data.pop("text"), data)


def incidents_end(directory: Path) -> int:
    """Size of the file in bytes: where later incidents begin."""
    try:
        return (directory / INCIDENTS).stat().st_size
    except FileNotFoundError:
        return 0


def undone(directory: Path) -> list[Incident]:
    """Endings after which nobody has put the guest back."""
    found: list[Incident] = []
    for each in read_incidents(directory):
        if each.kind == Kind.RESTORED:
            found = []
        elif each.cause is not None:
            found.append(each)
    return found
