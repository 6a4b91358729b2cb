"""What a provisioned guest read back of itself, held against what the lab needs."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.guest.windows_look import ENFORCE_SIGNATURES
from vm_images.windows.answer_file import COMPUTER
from vm_images.windows.release import Release

Answers = Mapping[str, Any]


@dataclass(frozen=True)
class Requirement:
    """One thing that must hold in every image; `lacking` tells what does not."""

    answer: str
    holds: Callable[[Any], bool]
    lacking: str


REQUIREMENTS = (
    Requirement("computer", lambda found: found == COMPUTER, "Windows came up without the lab's answer file"),
    Requirement("setup_state", lambda found: found == "IMAGE_STATE_COMPLETE", "setup has not come to its end"),
    Requirement("start_options", lambda found: "TESTSIGNING" in str(found).upper(), "test-signing is not active"),
    Requirement("start_options", lambda found: "DEBUG" in str(found).upper(), "kernel debugging is not active"),
    Requirement("debugger", lambda found: "serial" in str(found).lower(), "the debugger's port is not serial"),
    Requirement("secure_boot", lambda found: not found, "Secure Boot is on: it refuses test-signing and debugging"),
    Requirement("vbs", lambda found: found in (0, 1), "virtualization-based security runs: it refuses test drivers"),
    Requirement("print_filter", lambda found: found == 15, "DbgPrint is filtered: Debug Print Filter is not set"),
    Requirement("dump", lambda found: found == 2, "no kernel dump is written at a crash"),
    Requirement("dump_kept", lambda found: found == 1, "Windows may delete its crash dump"),
    Requirement("winrm_listener", lambda found: "HTTPS" in str(found), "WinRM does not listen for HTTPS"),
    Requirement(
        "winrm_basic", lambda found: str(found).lower() == "false", "WinRM accepts passwords that are not encrypted"
    ),
)
"""Keys are those of guest/check.ps1."""


def lacking(answers: Answers, release: Release) -> list[str]:
    """What is not as the lab needs it, in words; empty for a good guest. What cannot be read does not hold."""
    found = [f"{each.lacking} ({each.answer}: {shown(answers, each.answer)})" for each in _violated(answers)]
    build = answers.get("build")
    first, last = release.builds
    if not isinstance(build, int) or not first <= build <= last:
        found.append(f"the installed build is {build!r}, not {release.title}'s")
    pagefile, memory = answers.get("pagefile_mb"), answers.get("memory_mb")
    if not isinstance(pagefile, int) or not isinstance(memory, int) or pagefile < memory:
        found.append(f"the page file is too small for a dump: {pagefile!r} MB for {memory!r} MB of memory")
    return found


def warnings(answers: Answers) -> list[str]:
    """What a lab can live with, and should know."""
    found = []
    if answers.get("realtime_scan"):
        found.append("Defender still scans files as they are opened (tamper protection): the guest is slower")
    if answers.get("signature_flags") != ENFORCE_SIGNATURES:
        found.append("signatures of drivers are not enforced while a kernel debugger is attached")
    if answers.get("sshd") != "Running":
        found.append("no OpenSSH server: files are copied over WinRM, which is slower")
    if not answers.get("updates_off"):
        found.append("Windows Update is not switched off; the guest has no way out to it")
    return found


def expiry(answers: Answers, evaluation: bool, now: datetime.datetime) -> datetime.datetime | None:
    """When an evaluation licence ends; None for media that do not, and where the guest did not say."""
    licence = answers.get("licence")
    minutes = licence.get("minutes_left") if isinstance(licence, Mapping) else None
    if not evaluation or not isinstance(minutes, int) or not 0 <= minutes < 10 * 365 * 24 * 60:
        return None
    return now + datetime.timedelta(minutes=minutes)


def _violated(answers: Answers) -> list[Requirement]:
    return [each for each in REQUIREMENTS if not each.holds(answers.get(each.answer))]


def shown(answers: Answers, key: str) -> str:
    """An answer, short."""
    return str(answers.get(key, "not told"))[:80]
