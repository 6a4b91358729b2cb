"""A driver image on the host, checked before it is pushed: a wrong file is told here, not by a guest's error code."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pefile

from lab.errors import UsageError

MACHINE_AMD64 = 0x8664
MACHINE_I386 = 0x14C
SUBSYSTEM_NATIVE = 1
_MACHINES = {
    MACHINE_I386: "32-bit x86",
    MACHINE_AMD64: "64-bit x86 (AMD64)",
    0x1C0: "ARM",
    0xAA64: "ARM64",
    0x200: "Itanium",
}


@dataclass(frozen=True)
class DriverFile:
    """A loadable driver image: where it is and what it is."""

    path: Path
    sha256: str
    timestamp: int
    """TimeDateStamp of the PE header; identifies the build to a debugger together with `size_of_image`."""
    size_of_image: int


def machine_name(machine: int) -> str:
    """In words, of the number in a PE header."""
    return _MACHINES.get(machine, f"machine {machine:#06x}")


def machine_of(path: Path) -> int | None:
    """What a Windows executable is built for; None for any other file, or none."""
    try:
        machine: int = pefile.PE(str(path), fast_load=True).FILE_HEADER.Machine
    except (OSError, pefile.PEFormatError, ValueError):
        return None
    return machine


def inspect_driver(path: Path, wanted: int = MACHINE_AMD64, advice: str = "build it for x64") -> DriverFile:
    """Check that `path` is a kernel driver for the guest's machine.

    Raises UsageError that says what the file is instead; `advice` is for one that is built for another machine.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"driver image {path} does not exist", "build it (`build:` in lab.yaml does), or correct lab.yaml"
        ) from None
    except OSError as error:
        raise UsageError(f"driver image {path} cannot be read: {error.strerror}") from None
    try:
        pe = pefile.PE(data=data, fast_load=True)
    except pefile.PEFormatError as error:
        raise UsageError(f"{path} is no Windows executable: {error}", "name a .sys file") from None
    machine = pe.FILE_HEADER.Machine
    if machine != wanted:
        raise UsageError(f"{path} is built for {machine_name(machine)}; the guest is {machine_name(wanted)}", advice)
    if pe.OPTIONAL_HEADER.Subsystem != SUBSYSTEM_NATIVE:
        raise UsageError(
            f"{path} is a program, not a driver (subsystem {pe.OPTIONAL_HEADER.Subsystem}, a driver has 1, NATIVE)",
            "name a .sys file",
        )
    return DriverFile(
        path, hashlib.sha256(data).hexdigest(), pe.FILE_HEADER.TimeDateStamp, pe.OPTIONAL_HEADER.SizeOfImage
    )
