"""A driver that lab.yaml does not name: signed where the guest demands it, pushed, and loaded as a service."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lab.errors import InfrastructureError, UsageError
from lab.guest.driver_file import inspect_driver
from lab.running import DRIVERS, RunningLab
from vm_images.windows.signing import signed_copy

_SERVICE = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_MEANINGS = {
    2: "the guest did not find the file",
    31: "its DriverEntry failed",
    127: "it imports a routine that the guest's kernel has not",
    183: "a name that it makes, like that of its device, is there already: is another driver loaded?",
    577: "its signature was refused: is test-signing on, and the certificate trusted?",
    1058: "the service is disabled",
    1072: "the old service is marked for deletion: something still has the device open",
    1275: "Windows blocked it: on the list of vulnerable drivers, or not made for memory integrity (HVCI)",
}
"""Win32 errors of StartService for drivers. Source: "System Error Codes", learn.microsoft.com."""


@dataclass(frozen=True)
class Pushed:
    """What runs now."""

    service: str
    remote: str
    signed: str


def push_driver(lab: RunningLab, file: Path, service: str) -> Pushed:
    """Put the driver into the guest and load it anew; the path is the one that scenarios' drivers take.

    Raises UsageError for a file that is no driver, InfrastructureError with the guest's error when it does not load.
    """
    if not _SERVICE.fullmatch(service):
        raise UsageError(f"{service!r} is no name of a service", "letters, digits, '.', '_' and '-': --service NAME")
    inspect_driver(file)
    lab.ensure_traffic()
    remote = rf"{DRIVERS}\{file.name}"
    signed = "not signed: this guest does not ask for it"
    if lab.image.guest == "windows":
        file, signed = signed_copy(file), "signed with the lab's test certificate"
    lab.guest.push(file, remote)
    lab.mark(None, f"loading {file.name}")
    result = lab.guest.services.reload(service, remote)
    if not result.ok:
        why = f": {_MEANINGS[result.error]}" if result.error in _MEANINGS else ""
        raise InfrastructureError(
            f"the guest did not load {file.name}: Win32 error {result.error}{why}",
            f"see what the driver printed: {lab.logs / 'kd.log'}",
        )
    lab.sync(30)
    return Pushed(service, remote, signed)
