"""Is a guest that was put back to a snapshot the one that the snapshot was taken of?"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.errors import InfrastructureError
from lab.guest.guest import Guest
from lab.guest.windows_look import WindowsLook

CLOCK_WITHIN = 5.0
"""Seconds that a guest gets to notice that its clock is wrong."""
MAX_DIFFERENCE = 3.0
"""Seconds between the guest's clock and ours that do no harm; file times are cut to whole seconds."""
POLL = 0.1
PROBE = r"C:\lab\run\clock"
ADVICE = "start anew: lab down; rm .lab/vm/snapshots.json; lab up"


@dataclass(frozen=True)
class Restored:
    """What was found after a return to a snapshot."""

    boot_id: str
    """Of this boot of the guest; empty where the guest does not tell."""
    clock_difference: float
    """Seconds that the guest's clock is ahead of ours."""
    files: int
    """Pushed files whose content was read back and found right: drivers and programs."""
    seconds: float
    """From the order to this knowledge."""
    windows: WindowsLook | None = None
    """More of a Windows guest."""

    def to_json(self) -> dict[str, Any]:
        return {
            "boot_id": self.boot_id,
            "clock_difference": round(self.clock_difference, 3),
            "files": self.files,
            "seconds": round(self.seconds, 3),
            **({"windows": self.windows.to_json()} if self.windows else {}),
        }


def boot_id(guest: Guest, file: str) -> str:
    """What is another after each boot; empty for a guest that has no such `file`."""
    return guest.get(file).decode("ascii", "replace").strip() if file else ""


def verify_guest(
    guest: Guest, boot_file: str, expected: str, begin: float, look: Callable[[Guest], WindowsLook] | None = None
) -> Restored:
    """Compare boot, drivers and clock. `begin` is of `time.monotonic`, when the guest was told to go back.

    A guest whose clock does not notice by itself gets a `look` that puts it right.
    Raises InfrastructureError for another boot, a driver that is not the one that was pushed, or a wrong clock.
    """
    found = boot_id(guest, boot_file)
    if expected and found != expected:
        raise InfrastructureError(f"the guest was booted since its snapshot was taken (boot {found})", ADVICE)
    files = 0
    for remote, digest in guest.pushed().items():
        if not remote.lower().endswith(".sys"):
            continue
        if hashlib.sha256(guest.get(remote)).hexdigest() != digest:
            raise InfrastructureError(f"{remote} in the guest is not the file that was pushed", ADVICE)
        files += 1
    windows = look(guest) if look else None
    difference = windows.clock_difference if windows else _wait_for_clock(guest)
    return Restored(found, difference, files, time.monotonic() - begin, windows)


def _wait_for_clock(guest: Guest) -> float:
    deadline = time.monotonic() + CLOCK_WITHIN
    while True:
        guest.put(b"", PROBE)
        written = guest.modified(PROBE)
        difference = (written or 0.0) - time.time()
        if abs(difference) <= MAX_DIFFERENCE:
            return difference
        if time.monotonic() > deadline:
            what = f"the guest's clock is {difference:+.0f} s off, {CLOCK_WITHIN:g} s after it was put back"
            raise InfrastructureError(what, ADVICE)
        time.sleep(POLL)
