"""Two runs, scenario by scenario: what ends otherwise in the second one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.document import printable
from lab.report.run_record import Outcome, RunRecord

MUCH_SLOWER = 1.5
SECONDS_SLOWER = 0.5
WIDTH = 300


@dataclass(frozen=True)
class Difference:
    """One scenario that is not as it was."""

    kind: str
    """`new failure`, `fixed`, `other failure`, `other ending`, `only in A`, `only in B` or `slower`."""
    scenario: str
    text: str = ""

    def __str__(self) -> str:
        text = f": {self.text}" if self.text else ""
        return printable(f"{self.kind:<13}  {self.scenario}{text}", WIDTH)


def compare_runs(first: RunRecord, second: RunRecord) -> list[Difference]:
    """What is different, failures first. A scenario that was run more than once counts by its worst ending."""
    was, now = _worst(first.outcomes), _worst(second.outcomes)
    found = [*_endings(was, now), *_slower(was, now)]
    order = ("new failure", "other failure", "fixed", "other ending", "only in A", "only in B", "slower")
    return sorted(found, key=lambda each: (order.index(each.kind), each.scenario))


def _worst(outcomes: Iterable[Outcome]) -> dict[str, Outcome]:
    found: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        found[outcome.scenario].append(outcome)
    return {name: max(each, key=lambda one: (one.is_bad, one.cause != "passed")) for name, each in found.items()}


def _endings(was: dict[str, Outcome], now: dict[str, Outcome]) -> Iterator[Difference]:
    for name in was.keys() | now.keys():
        first, second = was.get(name), now.get(name)
        if first is None or second is None:
            only = first or second
            assert only  # noqa: S101
            yield Difference("only in B" if first is None else "only in A", name, _ending(only))
        elif second.is_bad and not first.is_bad:
            yield Difference("new failure", name, f"{_ending(second)}; it was {first.cause}")
        elif first.is_bad and not second.is_bad:
            yield Difference("fixed", name, f"{second.cause}; it was {_ending(first)}")
        elif (first.cause, first.signature) != (second.cause, second.signature):
            kind = "other failure" if second.is_bad else "other ending"
            yield Difference(kind, name, f"{_ending(second)}; it was {_ending(first)}")


def _slower(was: dict[str, Outcome], now: dict[str, Outcome]) -> Iterator[Difference]:
    for name in was.keys() & now.keys():
        before, after = was[name].seconds, now[name].seconds
        passed = was[name].cause == now[name].cause == "passed"
        if passed and after > before * MUCH_SLOWER and after > before + SECONDS_SLOWER:
            yield Difference("slower", name, f"{after:.1f} s; it was {before:.1f} s")


def _ending(outcome: Outcome) -> str:
    what = outcome.signature_text or outcome.reason
    return f"{outcome.cause}: {what}" if what else outcome.cause
