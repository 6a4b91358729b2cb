"""Each bug is found by the check that is there for it, and that check is silent about the driver without the bug."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import bringup
from lab.config import load_config
from lab.errors import Cause
from lab.progress import Silent
from lab.scenario.session import ScenarioSession

from .catalogue import BUGS, HERE, Bug
from .hunt import Hunter

pytestmark = [pytest.mark.vm, pytest.mark.slow]

ATTEMPTS = 20

each_bug = pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)


@pytest.fixture(scope="module")
def hunter() -> Iterator[Hunter]:
    config = load_config(HERE / "lab.yaml")
    lab = bringup.up(config, Silent())
    lab.claim()
    yield Hunter(ScenarioSession(lambda: lab, config.root / "artifacts"), config)
    bringup.down(config)


@each_bug
def test_the_bug_is_found(hunter: Hunter, bug: Bug) -> None:
    for seed in range(1, ATTEMPTS + 1 if bug.way.fuzzed or bug.is_race else 2):
        run = hunter.run(bug, bug.way, seed)
        if run.has_found:
            break
    assert (run.cause, run.bugcheck if bug.bugcheck else None) == (bug.cause, bug.bugcheck), run.headline


@each_bug
def test_the_driver_without_it_is_left_alone(hunter: Hunter, bug: Bug) -> None:
    run = hunter.run(bug, bug.way, 1, fixed=True)
    assert run.cause is Cause.PASSED, run.headline
