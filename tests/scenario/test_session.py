"""Many scenarios on one lab: brought up once, put right after each bad ending, given up when that fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import Cause, GuestLostError, InfrastructureError
from lab.scenario.model import Scenario
from lab.scenario.session import ScenarioSession

from .recorded_lab import RecordedLab, recording

Recorded = Callable[[str], Scenario]


def test_the_lab_is_brought_up_once_and_not_before_it_is_needed(tmp_path: Path, recorded: Recorded) -> None:
    calls = []

    def bring_up() -> RecordedLab:
        calls.append(1)
        return RecordedLab(tmp_path, recording("shared.example-direct"))

    session = ScenarioSession(bring_up, tmp_path / "artifacts")
    assert calls == []
    causes = [session.run(recorded("shared")).cause for _ in range(3)]
    assert causes == [Cause.PASSED] * 3
    assert calls == [1]
    assert not session.lab or session.lab.recoveries == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("error", "cause", "reason"),
    [
        (
            InfrastructureError("there is no QEMU", "apt-get install qemu-system-x86"),
            Cause.INFRASTRUCTURE,
            "the lab did not come up: there is no QEMU",
        ),
        (GuestLostError("the guest did not boot"), Cause.GUEST_LOST, "the lab did not come up: the guest did not boot"),
        (
            ZeroDivisionError("oops"),
            Cause.INFRASTRUCTURE,
            "the lab did not come up: the lab itself failed: ZeroDivisionError: oops",
        ),
    ],
)
def test_a_lab_that_does_not_come_up_is_tried_once(
    tmp_path: Path, recorded: Recorded, error: Exception, cause: Cause, reason: str
) -> None:
    calls = []

    def bring_up() -> RecordedLab:
        calls.append(1)
        raise error

    session = ScenarioSession(bring_up, tmp_path / "artifacts")
    for _ in range(2):
        verdict = session.run(recorded("shared"))
        assert verdict.cause is cause
        assert verdict.reason.startswith(reason)
    assert calls == [1]


def test_after_a_crash_the_guest_is_put_right_and_the_next_scenario_runs(tmp_path: Path, recorded: Recorded) -> None:
    crash = replace(recording("null-write"), crash="the driver host died")
    lab = RecordedLab(tmp_path, crash, recording("shared.example-direct"))
    session = ScenarioSession(lambda: lab, tmp_path / "artifacts")
    assert session.run(recorded("null-write")).cause is Cause.CRASHED
    assert lab.recoveries == ["crashed in null-write"]
    assert session.run(recorded("shared")).cause is Cause.PASSED
    assert lab.recoveries == ["crashed in null-write"]


def test_a_guest_that_cannot_be_put_right_ends_the_rest_at_once(tmp_path: Path, recorded: Recorded) -> None:
    lab = RecordedLab(tmp_path, replace(recording("never-completed"), error=GuestLostError("no answer")))
    lab.recover_error = GuestLostError("QEMU has ended", "look at qemu.log")
    session = ScenarioSession(lambda: lab, tmp_path / "artifacts")
    assert session.run(recorded("never-completed")).cause is Cause.GUEST_LOST
    for _ in range(3):
        verdict = session.run(recorded("shared"))
        assert verdict.cause is Cause.GUEST_LOST
        assert verdict.reason == "the guest was lost in never-completed and could not be put back: QEMU has ended"
        assert verdict.details == ["what to do: look at qemu.log"]
    assert len(lab.recoveries) == 1
    assert len(lab.guest.commands) == 1


def test_a_guest_that_is_held_for_a_human_is_left_alone_and_the_rest_ends(tmp_path: Path, recorded: Recorded) -> None:
    lab = RecordedLab(tmp_path, replace(recording("shared.example-direct"), held="0x1234: breakpoint (0x80000003)"))
    session = ScenarioSession(lambda: lab, tmp_path / "artifacts")
    assert session.run(recorded("shared")).cause is Cause.HUNG
    rest = session.run(recorded("killed"))
    assert rest.cause is Cause.GUEST_LOST
    assert rest.reason.startswith("the guest is held in the kernel debugger since shared")
    assert rest.details == ["what to do: look at it and let it go on: lab kd shell; or start anew: lab down; lab up"]
    assert lab.recoveries == []
    assert len(lab.guest.commands) == 1


def test_an_interrupt_puts_the_guest_back_before_it_goes_on(tmp_path: Path, recorded: Recorded) -> None:
    lab = RecordedLab(tmp_path, replace(recording("killed"), error=KeyboardInterrupt()))
    session = ScenarioSession(lambda: lab, tmp_path / "artifacts")
    with pytest.raises(KeyboardInterrupt):
        session.run(recorded("killed"))
    assert lab.recoveries == ["interrupted in killed"]
