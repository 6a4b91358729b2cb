"""Runs a kept scenario again, once or often, and says how each run compares with the first one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.replay.kept import Kept
from lab.replay.outcome import Comparison, Likeness, compare
from lab.replay.rate import rate_text
from lab.report.record import read_record
from lab.scenario.running import RunningLab
from lab.scenario.session import ScenarioSession

RUNS = "replays"
MAX_WAYS = 5


@dataclass(frozen=True)
class Attempt:
    """One more run."""

    comparison: Comparison
    directory: Path | None
    """What it left."""


@dataclass
class Replay:
    """All runs of one replay."""

    attempts: list[Attempt] = field(default_factory=list)

    def count(self, likeness: Likeness) -> int:
        return sum(each.comparison.likeness is likeness for each in self.attempts)

    @property
    def judged(self) -> int:
        """Runs that have a result."""
        return len(self.attempts) - self.count(Likeness.NO_RESULT)

    @property
    def likeness(self) -> Likeness:
        """Of the whole: the same if it happened again at all, else different if anything else did."""
        order = (Likeness.SAME, Likeness.DIFFERENT, Likeness.DID_NOT_HAPPEN)
        return next((each for each in order if self.count(each)), Likeness.NO_RESULT)

    def verdict(self) -> Iterator[str]:
        """Lines that say it; the last one begins with `same`, `different` or `did not happen`."""
        ways = Counter(str(each.comparison) for each in self.attempts if each.comparison.differences)
        if len(self.attempts) > 1:
            yield from (f"  {count} times {way}" for way, count in ways.most_common(MAX_WAYS))
        happened = self.likeness
        if happened is Likeness.NO_RESULT:
            yield next(iter(ways), "no result")
        elif happened is Likeness.DID_NOT_HAPPEN:
            yield f"did not happen ({rate_text(0, self.judged)})" if self.judged > 1 else "did not happen (0 of 1)"
        elif self.judged == 1:
            yield str(next(each.comparison for each in self.attempts if each.comparison.likeness is happened))
        else:
            yield f"{happened.value} {rate_text(self.count(happened), self.judged)}"


def replay(kept: Kept, bring_up: Callable[[], RunningLab], times: int, tell: Callable[[int, Attempt], None]) -> Replay:
    """Run the scenario `times` times; `tell` is called after each. What the runs leave is below `replays/`."""
    session = ScenarioSession(bring_up, kept.directory / RUNS)
    scenario = kept.scenario()
    done = Replay()
    for number in range(1, times + 1):
        verdict = session.run(scenario)
        if verdict.artifacts is None:
            attempt = Attempt(Comparison(Likeness.NO_RESULT, (verdict.headline(),)), None)
        else:
            attempt = Attempt(compare(kept.record, read_record(verdict.artifacts)), verdict.artifacts)
        done.attempts.append(attempt)
        tell(number, attempt)
        if verdict.held:
            break
    return done
