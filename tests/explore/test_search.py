"""The whole of an exploration, with the driver done in Python as the guest's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lab.errors import Cause
from lab.explore.case import Plant
from lab.explore.notebook import in_words
from lab.scenario.load import load_scenarios
from lab.traffic.history import Operation

from .conftest import Explore
from .simulated_lab import Driver

Simulated = Callable[..., Driver]

QUICK = ["one-byte-less", "size-at-any-time", "case-sensitive"]
MORE = ["short-read", "drops-uncounted", "drops-newest", "early-free", "late-free", "torn-write"]


def test_nothing_is_found_in_a_driver_that_is_right(explore: Explore, simulated: Simulated) -> None:
    found = explore(simulated(), seed=7)
    found.search.seconds = 0.5
    found.search.run()
    assert found.search.tally.operations > 100
    assert found.notebook.entries == []
    assert found.lab.recoveries == []
    assert "operations" in found.told[-1]


@pytest.mark.parametrize(
    "mistake", [*QUICK[:1], *(pytest.param(each, marks=pytest.mark.slow) for each in QUICK[1:] + MORE)]
)
def test_a_mistake_becomes_a_scenario_that_fails_with_it_and_passes_without(
    explore: Explore, simulated: Simulated, mistake: str
) -> None:
    driver = simulated(mistake)
    found = explore(driver)
    found.search.run()
    (entry,) = found.notebook.entries
    assert entry.is_shown, in_words(entry)
    assert len(list(entry.finding.case.calls)) <= 6
    assert (entry.path.with_suffix("") / "contradiction-1.svg").is_file()
    assert entry.path.with_suffix(".svg").read_text().startswith("<svg")
    (scenario,) = load_scenarios(entry.path, found.ground.config)
    assert found.session.run(scenario).cause is Cause.FAILED
    driver.mistake = ""  # type: ignore[attr-defined]
    assert found.session.run(scenario).cause is Cause.PASSED


@pytest.mark.parametrize(("kind", "most"), [(6, 1), pytest.param(9, 10, marks=pytest.mark.slow)])
def test_planted_logic_faults_are_found(explore: Explore, simulated: Simulated, kind: int, most: int) -> None:
    found = explore(simulated(), plant=Plant("fault", {"kind": kind}))
    found.search.run()
    (entry,) = found.notebook.entries
    assert entry.is_shown
    assert len(list(entry.finding.case.calls)) <= most


@dataclass
class Falls:
    """A driver that falls over at a flush."""

    inner: Driver
    error: type[Exception]

    def perform(self, operation: Operation) -> Operation:
        if operation.op == "flush":
            raise self.error
        return self.inner.perform(operation)

    def reload(self) -> None:
        self.inner.reload()


@pytest.mark.parametrize(("error", "cause"), [(ZeroDivisionError, Cause.CRASHED), (TimeoutError, Cause.HUNG)])
def test_crashes_and_hangs_are_findings_too(
    explore: Explore, simulated: Simulated, error: type[Exception], cause: Cause
) -> None:
    found = explore(Falls(simulated(), error))
    found.search.run()
    (entry,) = found.notebook.entries
    assert entry.finding.trouble.cause is cause
    assert [call.op for call in entry.finding.case.calls] == ["flush"]
    assert entry.is_shown
    assert found.lab.recoveries


@pytest.mark.slow
def test_the_same_trouble_is_told_once(explore: Explore, simulated: Simulated) -> None:
    found = explore(simulated("one-byte-less"))
    found.search.is_first_enough = False
    found.search.seconds = 3
    found.search.run()
    troubles = [entry.finding.trouble for entry in found.notebook.entries]
    assert len(troubles) == len(set(troubles))
