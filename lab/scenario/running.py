"""What a scenario needs of a running lab, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from lab.crash.seen import CrashSeen, HangSeen
from lab.debugger import Debugger
from lab.incidents import Incident
from lab.scenario.model import Scenario
from lab.verifier import Verifier


class RunningGuest(Protocol):
    """Commands and files of the guest."""

    def stream(self, argv: list[str], on_line: Callable[[str], None], timeout: float) -> int:
        """Run one command, hand on its output line by line; return the exit code. Raises HungError, GuestLostError."""
        ...

    def put(self, data: bytes | Path, remote: str) -> None:
        """Write a file in the guest."""
        ...

    def fetch(self, remote: str, to: Path, within: float) -> None:
        """Bring a large file of the guest, compressed with gzip. Raises HungError, GuestLostError."""
        ...


class RunningLab(Protocol):
    """A lab that is up."""

    @property
    def guest(self) -> RunningGuest: ...

    @property
    def kd_log(self) -> Path:
        """The kd log as JSON lines."""
        ...

    @property
    def capabilities(self) -> frozenset[str]: ...

    def mark(self, scenario: str | None, text: str) -> int:
        """Write a marker; the entries that follow belong to `scenario`. Returns its sequence number."""
        ...

    def sync(self, timeout: float) -> None:
        """Return when all that the guest has printed is in the kd log. Raises HungError, GuestLostError."""
        ...

    def debugger(self, settings: Debugger | None) -> None:
        """Make the kernel debugger treat the guest so from now on; None: as lab.yaml says. Raises UsageError."""
        ...

    def held_stop(self) -> str | None:
        """The stop in the kernel debugger on which the guest is held for a human now."""
        ...

    def ensure_traffic(self) -> str:
        """The guest's path of the traffic program, pushed if it changed."""
        ...

    def ensure_driver(self, name: str) -> str:
        """The guest's path of a driver of lab.yaml, pushed if it changed."""
        ...

    def arrange_verifier(self, verifier: Verifier, driver: str) -> int | None:
        """Have a driver checked as asked, before it is loaded; the flags in force, None where the script says it."""
        ...

    def verifier_in_force(self, driver: str) -> int:
        """The flags that a loaded driver is checked with by a Driver Verifier that the lab has set."""
        ...

    def ensure_program(self, name: str) -> str:
        """The guest's path of a program of lab.yaml, pushed if it changed."""
        ...

    def keep_inputs(self, scenario: Scenario, directory: Path) -> None:
        """Copy into the directory what the scenario was run with."""
        ...

    def restore(self) -> None:
        """Put the guest back to its ready snapshot."""
        ...

    def recover(self, reason: str) -> None:
        """Make the lab usable again after a crash or a hang. Raises LabError when that cannot be done."""
        ...

    def heal(self) -> None:
        """Put the guest back if it, or its driver's host, died while no scenario ran. Raises LabError."""
        ...

    def incidents(self) -> list[Incident]:
        """What went wrong with the guest since the newest marker of a scenario, from every side, in order."""
        ...

    def crash_seen(self) -> CrashSeen | None:
        """The crash that the incidents tell of."""
        ...

    def secure_crash(self, directory: Path) -> CrashSeen | None:
        """Bring what the crash left into `directory`: report, what the debugger saw, dump."""
        ...

    def secure_hang(self, directory: Path) -> HangSeen:
        """Stop a guest that hangs, bring what is to be seen into `directory`. The guest may be dead afterwards."""
        ...

    def pulse(self) -> dict[str, float]:
        """What the guest has used up to now: see `VirtualMachine.pulse`. Raises LabError."""
        ...

    def attestation(self) -> dict[str, Any]:
        """Where a result comes from: driver, image, accelerator, debugger, versions."""
        ...
