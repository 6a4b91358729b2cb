"""The bugs, the ways to look for them, and which way has to find which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.errors import Cause

HERE = Path(__file__).parent
OWN = HERE / "lab.yaml"
"""The lab of the small drivers."""
EXAMPLE = HERE.parents[1] / "lab.yaml"
"""That of the example driver, whose fault build has bugs that can be asked for."""
DRILL = HERE.parents[1] / "driver" / "drill"


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
    is_race: bool = False
    """It takes luck to meet it, and a fuzzed schedule has to find it in any case."""

    lab = OWN
    """The lab.yaml that has its driver."""

    def scenario(self, *, fixed: bool) -> dict[str, Any]:
        """What provokes it; `fixed`: of the driver without it."""
        data: dict[str, Any] = yaml.safe_load((HERE / "scenarios" / f"{self.name}.yaml").read_text())
        return data | {"driver": f"{self.name}{'-fixed' if fixed else ''}"}


@dataclass(frozen=True)
class Fault(Bug):
    """A bug of `example-fault.sys`, in effect once it is asked for; its scenario is `driver/drill/NAME.yaml`."""

    lab = EXAMPLE

    def scenario(self, *, fixed: bool) -> dict[str, Any]:
        """What provokes it; `fixed`: the same driver, not asked for any."""
        data: dict[str, Any] = yaml.safe_load((DRILL / f"{'healthy' if fixed else self.name}.yaml").read_text())
        return {key: value for key, value in data.items() if key not in ("verifier", "requires")}


BUGS = (
    Bug("unlocked-counter", "an addition without a lock", FUZZED, Cause.FAILED, is_race=True),
    Bug("lock-order", "two mutexes taken in both orders", VERIFIED, Cause.CRASHED, 0xC4, is_race=True),
    Bug("missing-release", "a mutex kept on an error path", PLAIN, Cause.CRASHED, 0x1),
    Bug("use-after-close", "freed on close, and still in a list", VERIFIED, Cause.CRASHED, 0xD5),
    Bug("double-completion", "a request completed twice", PLAIN, Cause.CRASHED, 0x44),
    Bug("cancel-race", "cancelled and completed at the same time", VERIFIED, Cause.CRASHED, is_race=True),
    Bug("wait-under-spin-lock", "a wait at DISPATCH_LEVEL", VERIFIED, Cause.CRASHED, 0xC4),
    Bug("paged-at-dispatch", "paged memory touched at DISPATCH_LEVEL", VERIFIED, Cause.CRASHED, 0xD1),
    Bug("pool-at-dispatch", "paged pool allocated at DISPATCH_LEVEL", VERIFIED, Cause.CRASHED, 0xC4),
    Bug("ring-off-by-one", "a ring buffer that turns one place too late", VERIFIED, Cause.CRASHED, 0xD6),
    Bug("leak-per-open", "memory of each open never freed", VERIFIED, Cause.CRASHED, 0xC4),
    Bug("wrong-tag", "freed with another tag", VERIFIED, Cause.CRASHED, 0xC2),
    Bug("uninitialized-fscontext", "FsContext never set on one way to open", PLAIN, Cause.CRASHED, 0x1E),
    Bug("stale-user-pointer", "a user pointer kept after its request", VERIFIED, Cause.CRASHED, 0xD5),
)

FAULTS = (
    Fault("null-write", "example-fault: writes to address 0", PLAIN, Cause.CRASHED, 0x1E),
    Fault("bugcheck", "example-fault: stops the machine itself", PLAIN, Cause.CRASHED, 0xE2),
    Fault("double-free", "example-fault: frees a block twice", VERIFIED, Cause.CRASHED, 0xC2),
    Fault("pool-overrun", "example-fault: writes behind a block", VERIFIED, Cause.CRASHED, 0xD6),
    Fault("use-after-free", "example-fault: writes to a freed block", VERIFIED, Cause.CRASHED, 0xD5),
    Fault("reference-leak", "example-fault: a reference never dropped", PLAIN, Cause.FAILED),
    Fault("mutex-held", "example-fault: a mutex never released", PLAIN, Cause.HUNG),
    Fault("lost-request", "example-fault: never completes a request", PLAIN, Cause.HUNG),
    Fault("lost-update", "example-fault: loses every fourth of several writes", PLAIN, Cause.FAILED),
)

ALL: tuple[Bug, ...] = (*BUGS, *FAULTS)
