"""What the ReactOS guest is, and what it can do."""

from __future__ import annotations

from lab.errors import UsageError
from lab.machine.hardware import Clock, Disk, Machine, Network
from lab.scenario.model import Isolation, Scenario

CAPABILITIES = frozenset({"cleanup-irp", "concurrent-dispatch", "kd-print", "names-below-device", "user-buffers"})
"""By what an NT kernel is. Everything else is not claimed: nobody has run it."""

LACKS = {
    "winrm": "no commands: one CD in, one serial port out",
    "sftp": "no files back, so no dump",
    "driver-verifier": "there is none",
    "kd-modules": "a build may speak plain text on COM1 instead of the debugger's protocol",
    "bugcheck": "for the same reason; a bugcheck is seen as a hang with its text in the kd log",
    "nmi-crash": "not tried",
}
"""Of what the other guests have, and why."""

MACHINE = Machine(
    memory_mb=1024,
    smp=1,
    cpu="qemu64",
    disk=Disk.AHCI,
    network=Network.E1000E,
    clock=Clock.LOCAL,
    display=True,
    reboots=True,
    boot_seconds=1200,
)
"""`boot_seconds` is the whole installation: two stages and the first logon."""


def check_fits(scenario: Scenario) -> None:
    """Raise UsageError for a scenario that needs what only a snapshot can give."""
    if scenario.isolation is Isolation.SNAPSHOT:
        what = f"{scenario.id}: `isolation: snapshot` cannot be had on ReactOS"
        raise UsageError(what, "every run is a fresh installation anyway: leave it out")
