"""Every way a lab command or a scenario can end, and the exceptions that carry it."""

from __future__ import annotations

from enum import Enum


class Cause(Enum):
    """Cause class of an ending: each run, each scenario and each failed command has exactly one."""

    PASSED = "passed"
    FAILED = "failed"
    """An expectation did not hold."""
    CRASHED = "crashed"
    """Bugcheck, or death of the process that hosts the driver."""
    HUNG = "hung"
    """The guest runs, the scenario does not get on."""
    GUEST_LOST = "guest-lost"
    """The virtual machine died or stopped answering."""
    INFRASTRUCTURE = "infrastructure"
    """Ours: host, tools, image, lab code."""
    SKIPPED = "skipped"
    USAGE = "usage"
    """The caller's mistake: bad file, field or option. Nothing was started."""


class LabError(Exception):
    """A failure with a cause class and advice.

    `str(error)` is one line that says what went wrong and where; `advice` says what to do about it.
    Commands print both and exit with `exit_code`; nobody sees a traceback.
    """

    cause = Cause.INFRASTRUCTURE
    exit_code = 3

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.advice = advice


class UsageError(LabError):
    """The caller's mistake: names the file, the line, the field, and what would be right."""

    cause = Cause.USAGE
    exit_code = 2


class HungError(LabError):
    """A deadline passed while the guest was still running."""

    cause = Cause.HUNG
    exit_code = 4


class CrashedError(LabError):
    """The guest's kernel, or the process that hosts the driver, stopped with a bugcheck or an exception."""

    cause = Cause.CRASHED
    exit_code = 5


class GuestLostError(LabError):
    """The virtual machine is gone, or no longer answers on any of its sockets."""

    cause = Cause.GUEST_LOST
    exit_code = 6


class InfrastructureError(LabError):
    """Something of the lab's own or of the host's failed: QEMU, disk, image, network."""
