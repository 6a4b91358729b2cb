"""Restart a Windows guest from inside, and know that it was: by its boot id, not by a port that is open again."""

from __future__ import annotations

import time
from contextlib import suppress

from lab.errors import GuestLostError, InfrastructureError, LabError
from lab.guest.guest import Guest
from lab.guest.restored import boot_id

COMMAND_DEADLINE = 60.0
POLL = 1.0


def restart_guest(guest: Guest, boot_file: str, within: float, poll: float = POLL) -> str:
    """Restart it and return the id of the new boot, when it answers.

    Raises InfrastructureError when the guest has no boot id to tell by, or is in the same boot after `within` seconds.
    """
    before = boot_id(guest, boot_file)
    if not before:
        raise InfrastructureError("the guest has no boot id: whether it was restarted could not be told")
    with suppress(GuestLostError):  # It may go down before it has answered.
        guest.run(["shutdown.exe", "/r", "/t", "0", "/f"], COMMAND_DEADLINE)
    end = time.monotonic() + within
    while True:
        guest.forget()
        why = "it is in the same boot"
        try:
            guest.wait_ready(poll)
            found = boot_id(guest, boot_file)
        except (LabError, FileNotFoundError) as error:
            why = str(error)
        else:
            if found and found != before:
                return found
        if time.monotonic() > end:
            raise InfrastructureError(f"the guest was not restarted within {within:.0f} s: {why}", "lab down; lab up")
        time.sleep(poll)
