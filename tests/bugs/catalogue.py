"""The bugs, the ways to look for them, and which way has to find which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.errors import Cause

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Way:
    """What watches the driver, and stirs it, while its scenario runs."""

    name: str
    verified: bool = False
    fuzzed: bool = False

    def keys(self, seed: int) -> dict[str, object]:
        """What a scenario says to be run this way."""
        keys: dict[str, object] = {"verifier": "standard"} if self.verified else {}
        return keys | {"schedule": {"fuzzed": seed}} if self.fuzzed else keys


PLAIN = Way("no checks")
VERIFIED = Way("verifier", verified=True)
FUZZED = Way("fuzzed", fuzzed=True)
BOTH = Way("verifier, fuzzed", verified=True, fuzzed=True)
WAYS = (PLAIN, VERIFIED, FUZZED, BOTH)


@dataclass(frozen=True)
class Bug:
    """One driver with its scenario, `drivers/NAME.c` and `scenarios/NAME.yaml`."""

    name: str
    what: str
    way: Way
    """The one that has to find it."""
    cause: Cause
    """What the scenario has to end as then."""
    bugcheck: int | None = None


BUGS = (
    Bug("unlocked-counter", "an addition without a lock", FUZZED, Cause.FAILED),
    Bug("lock-order", "two mutexes taken in both orders", VERIFIED, Cause.CRASHED, 0xC4),
    Bug("missing-release", "a mutex kept on an error path", PLAIN, Cause.CRASHED, 0x1),
    Bug("use-after-close", "freed on close, and still in a list", VERIFIED, Cause.CRASHED, 0xD5),
    Bug("double-completion", "a request completed twice", PLAIN, Cause.CRASHED, 0x44),
    Bug("cancel-race", "cancelled and completed at the same time", VERIFIED, Cause.CRASHED),
    Bug("wait-under-spin-lock", "a wait at DISPATCH_LEVEL", VERIFIED, Cause.CRASHED, 0xC4),
    Bug("paged-at-dispatch", "paged memory touched at DISPATCH_LEVEL", VERIFIED, Cause.CRASHED, 0xD1),
    Bug("pool-at-dispatch", "paged pool allocated at DISPATCH_LEVEL", VERIFIED, Cause.CRASHED, 0xC4),
    Bug("ring-off-by-one", "a ring buffer that turns one place too late", VERIFIED, Cause.CRASHED, 0xD6),
    Bug("leak-per-open", "memory of each open never freed", VERIFIED, Cause.CRASHED, 0xC4),
    Bug("wrong-tag", "freed with another tag", VERIFIED, Cause.CRASHED, 0xC2),
    Bug("uninitialized-fscontext", "FsContext never set on one way to open", PLAIN, Cause.CRASHED, 0x1E),
    Bug("stale-user-pointer", "a user pointer kept after its request", VERIFIED, Cause.CRASHED, 0xD5),
)
