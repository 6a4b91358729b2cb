"""A look at a Windows guest at each return to a snapshot: what would make every result of it worthless is told at once.

Its clock goes on from the snapshot, so it is put right. Sources: learn.microsoft.com, Set-Date; Win32_OperatingSystem;
SoftwareLicensingProduct; "The TESTSIGNING boot configuration option"; "Driver Verifier command syntax".
"""

from __future__ import annotations

import datetime
import json
import time
from dataclasses import dataclass
from typing import Any

from lab.errors import InfrastructureError
from lab.guest.guest import Guest
from lab.guest.powershell import encoded_command
from lab.guest.verifier_settings import read_active, read_settings

DEADLINE = 120.0
MAX_DIFFERENCE = 3.0
"""Seconds between the guest's clock and ours that do no harm."""
RUN_OUT = 0
"""Minutes left of a licence that has ended."""
ENFORCE_SIGNATURES = 0x10
"""Bit of `CI\\DebugFlags`: a kernel debugger that is attached does not switch the check of signatures off."""

SCRIPT = """
$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue'
if ({milliseconds} -ne 0) {{ Set-Date -Adjust ([TimeSpan]::FromMilliseconds({milliseconds})) | Out-Null }}
[Console]::Out.WriteLine('LAB-CLOCK ' + [DateTime]::UtcNow.ToString('o'))
$control = Get-ItemProperty -LiteralPath 'HKLM:\\SYSTEM\\CurrentControlSet\\Control'
$policy = Get-ItemProperty -LiteralPath 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\CI' -ErrorAction SilentlyContinue
$windows = "ApplicationID='55c92734-d682-4d71-983e-d6ec3f16059f' AND PartialProductKey IS NOT NULL"
$licence = Get-CimInstance SoftwareLicensingProduct -Filter $windows -ErrorAction SilentlyContinue |
    Select-Object -First 1
$answer = @{{
    booted = (Get-CimInstance Win32_OperatingSystem).LastBootUpTime.ToUniversalTime().ToString('o')
    start_options = $control.SystemStartOptions
    signature_flags = $policy.DebugFlags
    minutes_left = $licence.GracePeriodRemaining
    verifier_set = (& verifier.exe /querysettings | Out-String)
    verifier_active = (& verifier.exe /query | Out-String)
}}
[Console]::Out.WriteLine('LAB-LOOK ' + (ConvertTo-Json -Compress $answer))
"""


@dataclass(frozen=True)
class WindowsLook:
    """What was found, and holds."""

    clock_difference: float
    """Seconds that the guest's clock is ahead of ours, now."""
    corrected: float
    """Seconds by which it was put right."""
    booted: str
    test_signing: bool
    debugging: bool
    enforces_signatures: bool
    """Although a kernel debugger is attached."""
    minutes_left: int | None
    """Of the licence; None where the guest does not tell."""
    verified: tuple[str, ...]
    """Drivers that Driver Verifier is set for."""

    def to_json(self) -> dict[str, Any]:
        return {
            "corrected": round(self.corrected, 3),
            "booted": self.booted,
            "test_signing": self.test_signing,
            "debugging": self.debugging,
            "enforces_signatures": self.enforces_signatures,
            "licence_minutes_left": self.minutes_left,
            "verified": list(self.verified),
        }


def look_at_windows(guest: Guest, *, evaluation: bool) -> WindowsLook:
    """Put the clock right and look. Raises InfrastructureError for a clock that stays wrong, an evaluation licence that
    has run out, and a Driver Verifier that is set and not active, GuestLostError, HungError.
    """
    difference, answer = _ask(guest, 0.0)
    corrected = 0.0
    if abs(difference) > MAX_DIFFERENCE:
        corrected = -difference
        difference, answer = _ask(guest, corrected)
    if abs(difference) > MAX_DIFFERENCE:
        what = f"the guest's clock is {difference:+.0f} s off, and cannot be put right"
        raise InfrastructureError(what, "the image's account must be allowed to set it: build the image again")
    minutes = answer.get("minutes_left")
    minutes = minutes if isinstance(minutes, int) else None
    if evaluation and minutes == RUN_OUT:
        raise InfrastructureError(
            "the guest's evaluation licence has run out", "build the image again, from a new medium"
        )
    options, flags = str(answer.get("start_options")).upper(), answer.get("signature_flags")
    return WindowsLook(
        difference,
        corrected,
        booted=str(answer.get("booted")),
        test_signing="TESTSIGNING" in options,
        debugging="DEBUG" in options,
        enforces_signatures=isinstance(flags, int) and bool(flags & ENFORCE_SIGNATURES),
        minutes_left=minutes,
        verified=_verified(str(answer.get("verifier_set")), str(answer.get("verifier_active"))),
    )


def _verified(set_text: str, active_text: str) -> tuple[str, ...]:
    """Drivers that are set to be checked. Raises InfrastructureError when Driver Verifier has not begun with them."""
    wanted = read_settings(set_text)
    if wanted.flags and wanted.drivers and not read_active(active_text).flags:
        names = ", ".join(sorted(wanted.drivers))
        raise InfrastructureError(f"Driver Verifier is set for {names}, but not active: the guest was not restarted")
    return tuple(sorted(wanted.drivers))


def _ask(guest: Guest, adjust: float) -> tuple[float, dict[str, Any]]:
    """How far the guest's clock is ahead of ours after it was put forward by `adjust` seconds, and what it answered."""
    told: dict[str, tuple[float, str]] = {}

    def on_line(line: str) -> None:
        kind, _, text = line.partition(" ")
        told[kind] = (time.time(), text.strip())  # The clock's line comes before what takes its time.

    code = guest.stream(encoded_command(SCRIPT.format(milliseconds=round(adjust * 1000))), on_line, DEADLINE)
    try:
        when, clock = told["LAB-CLOCK"]
        answer = json.loads(told["LAB-LOOK"][1])
        return datetime.datetime.fromisoformat(clock).timestamp() - when, dict(answer)
    except (KeyError, ValueError, TypeError):
        raise InfrastructureError(f"Windows did not say how it is (PowerShell's exit code {code})") from None
