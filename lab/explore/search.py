"""Plays case after case until time is up; each new kind of trouble is repeated, cut down and handed on."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lab.errors import Cause
from lab.explore.batch import PATIENCE
from lab.explore.case import Case, fingerprint
from lab.explore.edits import size
from lab.explore.generate import make_cases
from lab.explore.play import Played, Player, Trouble
from lab.explore.shrink import shrink
from lab.explore.staging import plain_steps
from lab.explore.tally import Tally
from lab.traffic.history import Operation

FIRST_ROUND = 20
"""Cases: what goes wrong at once is told at once."""
ROUND = 60
SHRINKING = 120.0
"""Seconds at most."""
COPIES = 8
"""Of one case, to repeat what does not happen each time."""

_PATIENCE_SHRINKING = 4
"""Seconds for one operation while what hangs is cut down."""


@dataclass
class Finding:
    """A case that did not end well."""

    trouble: Trouble
    case: Case
    """Cut down."""
    seconds: float
    """From the beginning to its first appearance."""
    number: int
    """How many cases had been played by then."""
    shrinking: float = 0.0
    """Seconds."""
    copies: int = 1
    """How often it was done at a time to see it again; 0: it was not seen again."""
    seen: int = 0
    """How many more cases had the same trouble."""
    operations: list[Operation] = field(default_factory=list)
    """What happened when it was seen first."""

    def __post_init__(self) -> None:
        self.original = self.case


@dataclass
class Search:
    """One exploration."""

    player: Player
    seed: int
    seconds: float
    is_first_enough: bool
    tell: Callable[[str], None]
    """Told in short how it goes, after each script."""
    take: Callable[[Finding], None]
    """Given each finding as soon as it is cut down."""
    shrinking: float = SHRINKING
    """Seconds for that."""

    def __post_init__(self) -> None:
        self.tally = Tally(self.player.ground.config.ioctls.values())
        self.findings: list[Finding] = []
        self.playing = 0.0
        """Seconds spent with cases that nobody had played before."""
        self._begin = time.monotonic()
        self._played: set[str] = set()
        self._once: dict[Trouble, Finding] = {}
        """What was not seen again; told if there is nothing better."""

    @property
    def elapsed(self) -> float:
        """Seconds."""
        return time.monotonic() - self._begin

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.tally.operations / max(self.playing, 0.1)

    def run(self) -> None:
        """Returns when the time is up, and one script at least was played. Raises LabError when the guest is lost."""
        for number in itertools.count():
            count = ROUND if number else FIRST_ROUND
            cases = self._new(make_cases(self.player.ground, self.seed * 1_000_003 + number, count))
            while cases and not self._is_over:
                cases = self._play(cases)
            if self._is_over:
                break
        if not self.findings:
            for finding in self._once.values():
                self._hand_on(finding)

    @property
    def _is_over(self) -> bool:
        is_late = self.elapsed > self.seconds and self.tally.cases > 0
        return is_late or (self.is_first_enough and bool(self.findings))

    def _new(self, cases: Sequence[Case]) -> list[Case]:
        """Those that do something, and that no other case did."""
        nothing = fingerprint([])
        new = []
        for case in cases:
            key = self._fingerprint(case)
            if key != nothing and key not in self._played:
                self._played.add(key)
                new.append(case)
        return new

    def _fingerprint(self, case: Case) -> str:
        return fingerprint(plain_steps(case, self.player.ground.names, None))

    def _play(self, cases: list[Case]) -> list[Case]:
        """Play as many as go into one script; returns the others."""
        begin = time.monotonic()
        results = self.player.play(cases)
        self.playing += time.monotonic() - begin
        for played in results:
            self.tally.add(played)
        self._report()
        for case, played in sorted(zip(cases, results, strict=False), key=lambda pair: size(pair[0])):
            if played.trouble and not (self.is_first_enough and self.findings):
                self._pursue(case, played, played.trouble)
        done = sum(played.was_run for played in results)
        return cases[done:]

    def _report(self) -> None:
        tally = self.tally
        found = f", {len(self.findings)} found" if self.findings else ""
        self.tell(
            f"{self.elapsed:.0f} s: {tally.cases} cases, {tally.operations} operations ({self.rate:.0f} a second), "
            f"{len(tally.kinds)} kinds with {tally.outcomes} outcomes{found}"
        )

    def _pursue(self, case: Case, played: Played, trouble: Trouble) -> None:
        for known in self.findings:
            if known.trouble == trouble:
                known.seen += 1
                return
        finding = Finding(trouble, case, self.elapsed, self.tally.cases, operations=played.operations)
        self.tell(f"{trouble}: trying it again")
        finding.copies = self._copies(case, trouble)
        if not finding.copies:
            self._once.setdefault(trouble, finding)
            return
        self.tell(f"{trouble}: cutting it down")
        begin = time.monotonic()
        finding.case = shrink(case, lambda cases: self._ask(cases, finding), self._fingerprint, self.shrinking)
        finding.shrinking = time.monotonic() - begin
        self._hand_on(finding)

    def _hand_on(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.take(finding)

    def _copies(self, case: Case, trouble: Trouble) -> int:
        for copies in (1, COPIES):
            if any(_is_like(played, trouble) for played in self.player.play([case] * copies)):
                return copies
        return 0

    def _ask(self, cases: Sequence[Case], finding: Finding) -> list[bool | None]:
        """Which of the cases fail likewise."""
        patience = _PATIENCE_SHRINKING if finding.trouble.cause is Cause.HUNG else PATIENCE
        copies = [case for case in cases for _ in range(finding.copies)]
        results = self.player.play(copies, patience)
        answers: list[bool | None] = []
        for at in range(0, len(results), finding.copies):
            same = results[at : at + finding.copies]
            if any(_is_like(played, finding.trouble) for played in same):
                answers.append(True)
            else:
                is_complete = len(same) == finding.copies and all(played.was_run for played in same)
                answers.append(False if is_complete else None)
        return answers


def _is_like(played: Played, trouble: Trouble) -> bool:
    return played.trouble is not None and played.trouble.cause is trouble.cause
