from __future__ import annotations

import time

import pytest

from lab.kd import machine_clock
from lab.kd.machine_clock import MachineClock


def test_it_stands_still_while_the_machine_is_paused() -> None:
    clock = MachineClock()
    clock.pause()
    clock.pause()
    assert clock.paused
    before = clock.now()
    time.sleep(0.05)
    assert clock.now() == before
    clock.go_on()
    clock.go_on()
    assert not clock.paused
    assert before <= clock.now() < before + 0.05
    time.sleep(0.02)
    assert clock.now() >= before + 0.02


def test_a_pause_that_nobody_ends_is_over_some_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_clock, "LONGEST_PAUSE", 0.02)
    clock = MachineClock()
    clock.pause()
    before = clock.now()
    time.sleep(0.05)
    assert not clock.paused
    assert clock.now() > before
