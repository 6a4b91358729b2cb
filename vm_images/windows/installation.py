"""The course of an unattended installation, as far as a host can see it; what is wrong is told by what was not seen.

The guest itself speaks only from its first logon on (COM2). Before, there are three signals that need nothing of it:
what its machine reads and writes, its resets, and its screen. Sans-IO: `Installation` is given what was seen, and when.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from lab.errors import HungError, InfrastructureError
from vm_images.windows.pace import Pace
from vm_images.windows.serial_report import Report, SerialReports
from vm_images.windows.wim import WimImage

MAX_RESTARTS = 3
"""Between the copy and the first logon; more are a loop."""
PROMPT_SECONDS = 10.0
"""UEFI media ask for a key for five seconds."""
_FROM_CD = re.compile(rb'starting Boot\w+ "UEFI [^"\r\n]*(?:DVD|CD)-ROM')
_SHELL = re.compile(rb"EFI Internal Shell|UEFI Interactive Shell")
_MAX_TEXT = 64 << 10


class Phase(Enum):
    """What goes on, in the order in which it does."""

    FIRMWARE = "setup: started from the medium"
    PREPARE = "setup: disk prepared"
    COPY = "setup: Windows copied"
    SPECIALIZE = "setup: devices, first logon"
    PROVISION = "provisioned"
    READ_BACK = "restarted, settings read back"
    DONE = "installed"


@dataclass(frozen=True)
class Seen:
    """One look at the machine."""

    now: float
    """Seconds since power-on."""
    serial: bytes = b""
    """What came over COM2 since the last look: firmware's text, later the guest's reports."""
    cd_read: int = 0
    disk_written: int = 0
    resets: int = 0
    picture: str = ""
    """Another one whenever the screen changed by more than a cursor."""


class Installation:
    """Follows an installation from power-on to the guest's own `done`."""

    def __init__(self, name: str, images: list[WimImage], pace: Pace) -> None:
        """`name` is what this build's CD says of itself; `images` what is on the medium, for a message."""
        self.phase = Phase.FIRMWARE
        self.stage = ""
        self.answers: dict[str, Any] = {}
        """What the guest read back."""
        self.notes: list[str] = []
        self._name = name
        self._images = images
        self._pace = pace
        self._reports = SerialReports()
        self._text = b""
        self._begun = 0.0
        self._stage_begun = 0.0
        self._prompted: float | None = None
        self._entered = Seen(0.0)
        self._moved = Seen(0.0)
        self._before = Seen(0.0)
        self.passed = [self.phase]
        """Every phase that was entered, in order: a look may find several."""

    @property
    def is_done(self) -> bool:
        """The guest said so."""
        return self.phase is Phase.DONE

    @property
    def in_setup(self) -> bool:
        """Windows is on the disk, and its own setup is not through."""
        return self.phase in (Phase.COPY, Phase.SPECIALIZE)

    def take(self, seen: Seen) -> None:
        """Draw conclusions. Raises HungError for what did not come, InfrastructureError for what went wrong."""
        self._text = (self._text + seen.serial)[-_MAX_TEXT:]
        if (seen.disk_written, seen.picture) != (self._moved.disk_written, self._moved.picture):
            self._moved = seen
        for report in self._reports.feed(seen.serial):
            self._hear(report, seen)
        checks = {
            Phase.FIRMWARE: self._firmware,
            Phase.PREPARE: self._prepare,
            Phase.COPY: self._copy,
            Phase.SPECIALIZE: self._specialize,
            Phase.PROVISION: self._provision,
            Phase.READ_BACK: self._read_back,
        }
        passed = 0
        while passed < len(self.passed) and (check := checks.get(self.phase)):
            passed = len(self.passed)
            check(seen)
        self._before = seen

    def wants_key(self, now: float) -> bool:
        """Whether the medium may be asking for a key. Never after that: the next start must go to the disk."""
        if self.phase is not Phase.FIRMWARE or not _FROM_CD.search(self._text):
            return False
        if self._prompted is None:
            self._prompted = now
        return now - self._prompted < PROMPT_SECONDS

    def _firmware(self, seen: Seen) -> None:
        if seen.cd_read >= self._pace.cd_bytes:
            self._enter(Phase.PREPARE, self._with_restart_ahead(seen))
        elif _SHELL.search(self._text):
            if self._prompted is not None:
                what = "no key was accepted at 'Press any key': the firmware went on to its shell"
                raise InfrastructureError(what, "try again; or take a medium made with efisys_noprompt.bin")
            raise InfrastructureError("the firmware found nothing to start on the medium", "is the ISO bootable?")
        elif self._late(seen, self._pace.firmware):
            if self._prompted is not None:
                what = "no key was accepted at 'Press any key': the medium was started, and then not read"
                raise HungError(f"{what}, within {self._pace.firmware:.0f} s")
            what = "the firmware did not start the medium"
            raise HungError(f"{what} within {self._pace.firmware:.0f} s", "is the ISO bootable? see the last picture")

    def _prepare(self, seen: Seen) -> None:
        if seen.disk_written >= self._pace.disk_bytes:
            self._enter(Phase.COPY, self._with_restart_ahead(seen))
        elif seen.resets > self._entered.resets:
            what = "the machine started anew before setup wrote to the disk"
            raise InfrastructureError(what, "Windows 11 24H2 and later need a processor with POPCNT and SSE4.2")
        elif self._still(seen) or self._late(seen, self._pace.prepare):
            if seen.disk_written == 0:
                what = f"setup has not written to the disk for {seen.now - self._begun:.0f} s"
                raise HungError(f"{what}: no driver for its controller, not disk 0, or {self._page()}")
            raise HungError(f"setup is {self._page()}")

    def _copy(self, seen: Seen) -> None:
        if seen.resets > self._entered.resets:
            # What was read of the medium since the last look may already have been read by the next start.
            self._enter(Phase.SPECIALIZE, replace(seen, cd_read=max(self._before.cd_read, self._entered.cd_read)))
        elif self._still(seen):
            raise HungError(f"setup is {self._page()}")
        elif self._late(seen, self._pace.copy):
            raise HungError(f"setup did not restart the machine within {self._pace.copy:.0f} s")

    def _specialize(self, seen: Seen) -> None:
        if seen.cd_read - self._entered.cd_read >= self._pace.cd_bytes:
            raise InfrastructureError("the machine started the medium again, not what setup wrote to the disk")
        if seen.resets - self._entered.resets > MAX_RESTARTS:
            what = f"{MAX_RESTARTS + 1} restarts and no first logon: a setting of the answer file was refused"
            raise InfrastructureError(what, "see the last picture")
        if self._late(seen, self._pace.specialize):
            waited = f"no first logon within {self._pace.specialize:.0f} s"
            raise HungError(f"{waited}: Windows came up without the lab's answer file, or waits at a page")

    def _provision(self, seen: Seen) -> None:
        if seen.now - self._stage_begun > self._pace.stage:
            where = f"in stage {self.stage!r}" if self.stage else "before its first stage"
            raise HungError(f"the first logon's script stopped {where}, for {self._pace.stage:.0f} s")

    def _read_back(self, seen: Seen) -> None:
        if self._late(seen, self._pace.read_back):
            what = "the guest did not come back" if not self.answers else "the guest did not finish"
            raise HungError(f"{what} within {self._pace.read_back:.0f} s after the restart that ends its provisioning")

    def _hear(self, report: Report, seen: Seen) -> None:
        self._stage_begun = seen.now
        if report.event == "start":
            if report.text != self._name:
                what = f"the guest was provisioned from another CD, that of {report.text!r}"
                raise InfrastructureError(what, "is there an answer file on the medium itself?")
            self._enter(Phase.PROVISION, seen)
        elif report.event in ("begin", "end"):
            self.stage = report.stage
            if report.text:
                self.notes.append(f"{report.stage}: {report.text}")
        elif report.event == "failed":
            raise InfrastructureError(f"the first logon's script failed in stage {report.stage!r}: {report.text[:500]}")
        elif report.event == "restarting":
            self._enter(Phase.READ_BACK, seen)
        elif report.event == "check":
            self.answers = report.answers()
        elif report.event == "done":
            if not self.answers:
                raise InfrastructureError("the guest told nothing of its settings, or nothing that can be read")
            self._enter(Phase.DONE, seen)

    def _enter(self, phase: Phase, seen: Seen) -> None:
        self.phase, self._begun, self._entered, self._moved = phase, seen.now, seen, seen
        self.passed.append(phase)
        self._text = b""
        self.stage = ""

    def _with_restart_ahead(self, seen: Seen) -> Seen:
        """A restart since the last look belongs to the phase that begins: it may be what ends it."""
        return replace(seen, resets=self._before.resets)

    def _late(self, seen: Seen, seconds: float) -> bool:
        return seen.now - self._begun > seconds

    def _still(self, seen: Seen) -> bool:
        return seen.now - self._moved.now > self._pace.still

    def _page(self) -> str:
        return f"waiting at a page (image or product key?); on the medium are {', '.join(self._names())}"

    def _names(self) -> Iterator[str]:
        return (each.name for each in self._images)
