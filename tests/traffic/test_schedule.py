"""Schedules in the guest: an order that a seed draws, and one that is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.config import Config
from lab.errors import Cause
from lab.running import RunningLab
from lab.scenario.load import parse_scenarios
from lab.scenario.run import run_scenario
from lab.scenario.verdict import Verdict
from lab.traffic.order import Orders, read_order

pytestmark = pytest.mark.vm

Run = Callable[[str], Verdict]

LANES = {"north1": 6, "north2": 6, "south": 4}
"""Actors and how many operations each has in the block, in the order of the script."""
DRAWN = """
lab: 1
schedule: {seeded: SEED}
actors: {north: {count: 2}}
steps:
  - parallel:
      north: [{open: N}, {repeat: {times: 2, steps: [{write: {fill: 50, seed: each}}, {read: 60}]}}, close]
      south: [{open: N}, {read: 10}, {sleep: 20ms}, close]
expect: {history: linearizable}
"""
STOPPED = """
lab: 1
schedule: {replay: [ORDER]}
steps:
  - user: {open: N}
  - parallel:
      user: [{write: hello}, close]
      conductor: [{service: stop}]
"""


@pytest.fixture
def run(lab: RunningLab, project: Config, tmp_path: Path) -> Iterator[Run]:
    """Runs a scenario that is given as text."""
    numbers = iter(range(1000))

    def go(text: str) -> Verdict:
        (scenario,) = parse_scenarios(text, "drawn.yaml", project)
        return run_scenario(lab, scenario, tmp_path / str(next(numbers)))

    yield go
    lab.restore()


def order_of(verdict: Verdict) -> Orders:
    assert verdict.artifacts
    return read_order(verdict.artifacts)


def drawn(seed: int) -> list[str]:
    """What SplitMix64 draws if no operation pends."""
    mask, state = (1 << 64) - 1, seed
    left, order = dict(LANES), []
    while ready := [actor for actor, count in left.items() if count]:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        actor = ready[(z ^ z >> 31) % len(ready)]
        left[actor] -= 1
        order.append(actor)
    return order


@pytest.mark.parametrize("seed", [1, 4294967295])
def test_a_seed_draws_the_order_that_is_documented(run: Run, seed: int) -> None:
    verdict = run(DRAWN.replace("SEED", str(seed)))
    assert verdict.cause is Cause.PASSED, verdict.reason
    assert [str(turn) for turn in order_of(verdict)["1"]] == drawn(seed)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_order_every_time(run: Run) -> None:
    orders = [order_of(run(DRAWN.replace("SEED", "5"))) for _ in range(8)]
    assert all(order == orders[0] for order in orders)


def test_an_order_that_was_seen_is_followed_again(run: Run) -> None:
    first = run(DRAWN.replace("SEED", "3"))
    again = run(DRAWN.replace("{seeded: SEED}", f"{{replay: {first.artifacts}/order.json}}"))
    assert again.cause is Cause.PASSED, again.reason
    assert order_of(again) == order_of(first)


def test_what_pends_lets_others_go_on(run: Run) -> None:
    order = ["user", "conductor pends", "user", "conductor returns"]
    verdict = run(STOPPED.replace("ORDER", ", ".join(order)))
    assert verdict.cause is Cause.PASSED, verdict.reason
    assert [str(turn) for turn in order_of(verdict)["2"]] == order


def test_an_order_that_cannot_be_followed_is_told(run: Run) -> None:
    killed = STOPPED.replace("{service: stop}", "{kill: user}")
    verdict = run(killed.replace("ORDER", "user, conductor, user"))
    assert verdict.cause is Cause.FAILED
    assert any("replay: turn 3 of 3 of step 2 cannot be taken: user is gone" in f.got for f in verdict.failures)


def test_an_order_that_ends_early_is_told(run: Run) -> None:
    verdict = run(STOPPED.replace("ORDER", "user, user"))
    assert verdict.cause is Cause.FAILED
    assert any("the conductor still has operations when the order ends" in f.got for f in verdict.failures)
