"""Runs the scenarios of the bugs, one driver, one way and one seed at a time, and says what was found."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab.config import Config
from lab.errors import Cause, InfrastructureError
from lab.scenario.load import parse_scenarios
from lab.scenario.session import ScenarioSession
from lab.scenario.verdict import Verdict

from .catalogue import Bug, Way

FINDINGS = (Cause.FAILED, Cause.CRASHED, Cause.HUNG)
LARGEST_RULE = 0xFFFF
ATTEMPTS_PER_SEED = 1000
"""Seeds of one hunt do not meet those of the next."""
_BUGCHECK = re.compile(r"bugcheck (0x[0-9a-f]+)(?: \(([^,)]*))?", re.IGNORECASE)


@dataclass(frozen=True)
class Run:
    """How one run of a scenario ended."""

    cause: Cause
    headline: str
    seconds: float

    @property
    def has_found(self) -> bool:
        return self.cause in FINDINGS

    @property
    def bugcheck(self) -> int | None:
        found = _BUGCHECK.search(self.headline) if self.cause is Cause.CRASHED else None
        return int(found.group(1), 16) if found else None

    @property
    def by(self) -> str:
        """What found it, in short: `0xC4 (0x62)`, `hang`, `wrong result`."""
        if self.cause is Cause.HUNG:
            return "hang"
        if self.cause is Cause.FAILED:
            return "wrong result"
        found = _BUGCHECK.search(self.headline)
        if found is None:
            return "crash"
        # A first parameter that is small says which of the code's many rules was broken; else it is an address.
        rule = int(found.group(2) or "0", 16)
        return f"0x{int(found.group(1), 16):X}" + (f" ({rule:#x})" if 0 < rule <= LARGEST_RULE else "")


@dataclass(frozen=True)
class Finding:
    """What came of looking for one bug in one way, several times."""

    times: tuple[float | None, ...]
    """Seconds of scenarios until it was found, for each seed; None: not within the budget."""
    by: str = ""
    skipped: str = ""
    """Why the guest cannot look this way."""

    @property
    def text(self) -> str:
        """`3.1 s`; `3.1 s (7 of 10)` where some seeds did not find it; `not found`."""
        found = [each for each in self.times if each is not None]
        if self.skipped or not found:
            return "(not here)" if self.skipped else "not found"
        some = "" if len(found) == len(self.times) else f" ({len(found)} of {len(self.times)})"
        return f"{statistics.median(found):.1f} s{some}"


class Hunter:
    """Looks for bugs on one lab."""

    def __init__(self, session: ScenarioSession, config: Config) -> None:
        self._session = session
        self._config = config
        self._folder = config.root / ".lab" / "bugs"
        self._folder.mkdir(parents=True, exist_ok=True)

    def run(self, bug: Bug, way: Way, seed: int, *, fixed: bool = False) -> Run:
        """One run of the bug's scenario. Raises InfrastructureError when that says nothing about the driver."""
        name = f"{bug.name}{'-fixed' if fixed else ''}"
        data = bug.scenario(fixed=fixed) | way.keys(seed)
        file = self._folder / f"{name}-{way.name.replace(', ', '-').replace(' ', '-')}-{seed}.yaml"
        file.write_text(yaml.safe_dump(data, sort_keys=False))
        verdict = self._verdict(file)
        # Until the traffic ended: what is collected of a crash afterwards takes longer, and finds nothing.
        seconds = sum(verdict.timings.get(phase, 0.0) for phase in ("prepare", "traffic"))
        return Run(verdict.cause, verdict.headline(), seconds)

    def _verdict(self, file: Path) -> Verdict:
        (scenario,) = parse_scenarios(file.read_text(), str(file), self._config)
        for _attempt in range(2):
            verdict = self._session.run(scenario)
            if verdict.cause not in (Cause.INFRASTRUCTURE, Cause.GUEST_LOST):
                return verdict
        raise InfrastructureError(f"{scenario.id}: {verdict.headline()}")

    def hunt(self, bug: Bug, way: Way, seeds: int, budget: float) -> Finding:
        """Look for the bug with each seed until it is found, or `budget` seconds of scenarios have gone by.

        A bug that takes no luck is looked for once.
        """
        times: list[float | None] = []
        by = ""
        for seed in range(seeds if way.fuzzed and bug.is_race else 1):
            spent, found = 0.0, False
            for run in self._attempts(bug, way, seed):
                if run.cause is Cause.SKIPPED:
                    return Finding((), skipped=run.headline)
                spent += run.seconds
                found = run.has_found
                if found or spent > budget:
                    by = by or (run.by if found else "")
                    break
            times.append(spent if found else None)
        return Finding(tuple(times), by)

    def _attempts(self, bug: Bug, way: Way, seed: int) -> Iterator[Run]:
        """Where chance has no part, one run is like the other."""
        for attempt in range(ATTEMPTS_PER_SEED if way.fuzzed and bug.is_race else 1):
            yield self.run(bug, way, 1 + seed * ATTEMPTS_PER_SEED + attempt)

    def false_alarms(self, bug: Bug, way: Way) -> list[str]:
        """What the checks say of the driver without the bug."""
        run = self.run(bug, way, 1, fixed=True)
        return [run.headline] if run.has_found else []
