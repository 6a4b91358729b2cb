"""Driver Verifier: what a scenario wants to be checked in its driver, and what was."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

OFF = "off"
STANDARD = "standard"

FLAGS = {
    "special-pool": 0x1,
    "irql": 0x2,
    "low-resources": 0x4,
    "pool-tracking": 0x8,
    "io": 0x10,
    "deadlock": 0x20,
    "dma": 0x80,
    "security": 0x100,
    "force-pending": 0x200,
    "miscellaneous": 0x800,
    "ddi": 0x20000,
}
"""Names in scenarios, and bits of `verifier /flags`; the same on every guest.
Source: https://learn.microsoft.com/windows-hardware/drivers/devtest/verifier-command-line"""

FUZZING = 0x800000
"""The bit for "kernel synchronization delay fuzzing", which scenarios call `schedule: fuzzed`."""

_NOT_STANDARD = {"low-resources", "force-pending"}
"""They make things go wrong, or differently, instead of watching."""

CAPABILITY = "driver-verifier"
AT_BOOT = "verifier-at-boot"
"""Of a guest whose settings the lab makes before a scenario, not its script."""
FUZZING_CAPABILITY = "schedule-fuzzing"


def flag_capability(flag: str) -> str:
    """What a guest that has this flag lists among its capabilities."""
    return f"verifier-{flag}"


def level_names(level: int) -> list[str]:
    """The flags of a level, in words; bits without a name as hexadecimal.

    >>> level_names(0x80000009)
    ['special-pool', 'pool-tracking', '0x80000000']
    """
    bits = {**FLAGS, "fuzzed": FUZZING}
    names = [name for name, bit in bits.items() if level & bit]
    rest = level & ~sum(bits.values())
    return [*names, hex(rest)] if rest else names


@dataclass(frozen=True)
class Verifier:
    """What a scenario asks for."""

    asked: str | tuple[str, ...] = OFF
    """`off`, `standard`, or names of flags."""
    fuzz_seed: int | None = None
    """By which the driver's threads are preempted; None: they are left alone."""

    def requires(self) -> Iterator[str]:
        """Capabilities that the guest needs for this."""
        if self.asked != OFF:
            yield CAPABILITY
        if isinstance(self.asked, tuple):
            yield from map(flag_capability, self.asked)
        if self.fuzz_seed is not None:
            yield FUZZING_CAPABILITY

    def level(self, capabilities: Collection[str]) -> int:
        """The flags for a guest with these capabilities; `standard` is what it has of the standard settings."""
        wanted = self.asked if isinstance(self.asked, tuple) else ()
        if self.asked == STANDARD:
            had = (flag for flag in FLAGS if flag_capability(flag) in capabilities)
            wanted = tuple(flag for flag in had if flag not in _NOT_STANDARD)
        return sum(FLAGS[flag] for flag in wanted) | (0 if self.fuzz_seed is None else FUZZING)

    def tokens(self, capabilities: Collection[str]) -> tuple[str, ...]:
        """What a script says behind the load of the driver; nothing where that is not how Driver Verifier is set."""
        if CAPABILITY not in capabilities or AT_BOOT in capabilities:
            return ()
        return ("verify", str(self.level(capabilities)), str(self.fuzz_seed or 0))

    def to_json(self) -> Any:
        return list(self.asked) if isinstance(self.asked, tuple) else self.asked
