r"""Driver Verifier of a Windows guest: set with `verifier.exe`, in force from the next boot on, read back.

Source: https://learn.microsoft.com/windows-hardware/drivers/devtest/verifier-command-line (exit codes: 0 done, 1 error,
2 done and a restart is needed).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from lab.errors import InfrastructureError
from lab.guest.guest import Guest
from lab.verifier import FLAGS, FUZZING

DEADLINE = 120.0
_KNOWN = sum(FLAGS.values()) | FUZZING
NEEDS_RESTART = 2
LOW_RESOURCES = FLAGS["low-resources"]
FAULTS = ("/faults", '""', '""', '""', "1")
"""Low resources as Windows has them, but after one minute from its start, not eight: three values left as they are, by
empty quotes, which WinRM hands on as they are.
Source: https://learn.microsoft.com/windows-hardware/drivers/devtest/low-resources-simulation ("You cannot use /flags
0x4 with the custom setting subparameters")."""
_SWITCHED_ON = re.compile(r"^\s*\[X\]\s*\(?(0x[0-9a-f]{8})\)?", re.IGNORECASE | re.MULTILINE)
_SUM = re.compile(r"Flags:\s*(0x[0-9a-f]+)", re.IGNORECASE)
_NAMED = re.compile(r"^\s*([a-z/ ]+?):\s*(Enabled|Disabled)\s*$", re.IGNORECASE | re.MULTILINE)
_DRIVERS = re.compile(r"^\s*Verified drivers:(.*)", re.IGNORECASE | re.MULTILINE | re.DOTALL)
_MODULE = re.compile(r"^\s*MODULE:\s*(\S+)\s*\(load:\s*(\d{1,9})\s*/", re.IGNORECASE | re.MULTILINE)
_NOTHING_ACTIVE = re.compile(r"no drivers are (?:currently )?(?:being )?verified", re.IGNORECASE)
_OLD_NAMES = {
    "special pool": 0x1,
    "force irql checking": 0x2,
    "low resources simulation": 0x4,
    "pool tracking": 0x8,
    "i/o verification": 0x10,
    "deadlock detection": 0x20,
    "dma checking": 0x80,
    "security checks": 0x100,
    "force pending i/o requests": 0x200,
    "irp logging": 0x400,
    "miscellaneous checks": 0x800,
}
"""As Windows versions before 10 call them, and some of 10."""


@dataclass(frozen=True)
class Settings:
    """What Driver Verifier will do after the next boot, or does since this one."""

    flags: int
    drivers: frozenset[str]
    """File names in small letters."""

    def of(self, driver: str) -> int:
        """The flags that a driver is checked with; bits of `FLAGS` only: Windows adds some of its own."""
        return self.flags & _KNOWN if driver.lower() in self.drivers else 0


def read_settings(text: str) -> Settings:
    """What `verifier /querysettings` printed. Raises InfrastructureError for a text that is none of its forms."""
    on = _SWITCHED_ON.findall(text)
    total = _SUM.search(text)
    named = _NAMED.findall(text)
    drivers = _DRIVERS.search(text)
    if drivers is None or not (on or total or named):
        raise InfrastructureError(f"verifier /querysettings in the guest cannot be understood: {text.strip()[:200]!r}")
    flags = int(total.group(1), 16) if total else 0
    for each in on:
        flags |= int(each, 16)
    for name, state in named:
        flags |= _OLD_NAMES.get(name.strip().lower(), 0) if state.lower() == "enabled" else 0
    names = re.findall(r"[^\s:]+\.sys", drivers.group(1), re.IGNORECASE)
    return Settings(flags, frozenset(name.lower() for name in names))


def read_active(text: str) -> Settings:
    """What `verifier /query` printed: the flags in force, and the drivers that were loaded with them at least once.

    Raises InfrastructureError for a text that is none of its forms.
    """
    total = _SUM.search(text)
    if total is None:
        if _NOTHING_ACTIVE.search(text):
            return Settings(0, frozenset())
        raise InfrastructureError(f"verifier /query in the guest cannot be understood: {text.strip()[:200]!r}")
    loaded = (name for name, count in _MODULE.findall(text) if int(count))
    return Settings(int(total.group(1), 16), frozenset(name.lower() for name in loaded))


def _flags(level: int) -> tuple[str, ...]:
    """What verifier.exe is told to set a level."""
    if not level & LOW_RESOURCES:
        return ("/flags", f"{level:#x}")
    others = level & ~LOW_RESOURCES
    return (*(("/flags", f"{others:#x}") if others else ()), *FAULTS)


class VerifierSettings:
    """Sets Driver Verifier in one guest; `restart` restarts it and returns when it answers, in another boot."""

    def __init__(self, guest: Guest, restart: Callable[[], None]) -> None:
        self._guest = guest
        self._restart = restart

    def arrange(self, level: int, driver: str) -> int:
        """Have `driver` (a file name) checked with the flags `level`, and nothing else; returns what is in force.

        A guest that is as it should be is left alone. Raises InfrastructureError when verifier.exe refuses.
        """
        now = self.read()
        if now.of(driver) == level and now.drivers == (frozenset({driver.lower()}) if level else frozenset()):
            return level
        if not level and not now.of(driver) and not now.drivers:
            return 0
        if level:
            needs = self._run(*_flags(level), "/driver", driver)
            # A driver that crashes while the guest boots must not keep it from ever booting again.
            self._run("/bootmode", "resetonbootfail")
        else:
            needs = self._run("/reset")
        if needs:
            self._restart()
        return self.read().of(driver)

    def read(self) -> Settings:
        """What is set now."""
        return read_settings(self._ask("/querysettings"))

    def in_force(self, driver: str) -> int:
        """The flags that `driver`, which was loaded since the last boot, was checked with.

        Settings alone prove nothing: they wait for a restart. Raises InfrastructureError.
        """
        return read_active(self._ask("/query")).of(driver)

    def _ask(self, what: str) -> str:
        result = self._guest.run(["verifier.exe", what], DEADLINE)
        if result.code not in (0, NEEDS_RESTART):
            raise InfrastructureError(f"verifier {what} in the guest: exit code {result.code}")
        return result.stdout

    def _run(self, *arguments: str) -> bool:
        """Whether it needs a restart."""
        result = self._guest.run(["verifier.exe", *arguments], DEADLINE)
        if result.code not in (0, NEEDS_RESTART):
            said = (result.stdout + result.stderr).strip()[-200:]
            raise InfrastructureError(f"verifier {' '.join(arguments)} in the guest: exit code {result.code}: {said}")
        return result.code == NEEDS_RESTART
