"""`verifier:` and `schedule: fuzzed` in a scenario: what is wrong, what the guest is told, what it says that ran."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.errors import Cause
from lab.scenario.model import Scenario
from lab.scenario.render import guest_files, render
from lab.scenario.run import run_scenario
from lab.verifier import FUZZING, Verifier, level_names

from .recorded_lab import Playback, RecordedLab

Parse = Callable[[str], list[Scenario]]
Problems = Callable[[str], list[str]]

STEPS = "\nsteps: [{a: {open: X}}]\n"
GUEST = ("driver-verifier", "schedule-fuzzing", "verifier-special-pool", "verifier-io")


def loads(scenario: Scenario, *capabilities: str) -> list[str]:
    """What the script says of the load of the driver, from the image's path on."""
    verify = scenario.verifier.tokens(capabilities)
    script = render(scenario, dict.fromkeys(guest_files(scenario), "x.sys"), verify=verify)
    return [line.split(" x.sys ")[-1] for line in script.splitlines() if " service reload " in line]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "verify 0 0"),
        ("verifier: off", "verify 0 0"),
        ("verifier: standard", "verify 17 0"),
        ("verifier: [special-pool]", "verify 1 0"),
        ("verifier: [irql, io]", "verify 18 0"),
        ("schedule: {fuzzed: 7}", f"verify {FUZZING} 7"),
        ("seed: 9\nschedule: fuzzed\nverifier: [special-pool]", f"verify {FUZZING + 1} 9"),
    ],
)
def test_the_load_of_the_driver_says_what_to_check(parse: Parse, key: str, said: str) -> None:
    (scenario,) = parse(f"lab: 1\n{key}{STEPS}")
    assert loads(scenario, *GUEST) == [said]


def test_a_guest_without_driver_verifier_is_told_nothing(parse: Parse) -> None:
    (scenario,) = parse(f"lab: 1{STEPS}")
    assert loads(scenario)[0].endswith(" x.sys")


def test_a_matrix_goes_through_checks(parse: Parse) -> None:
    scenarios = parse(f"lab: 1\nmatrix: {{verifier: [off, standard, io]}}{STEPS}")
    assert [scenario.verifier for scenario in scenarios] == [Verifier(), Verifier("standard"), Verifier(("io",))]
    assert scenarios[1].id == "case[standard]"


def test_each_check_is_a_capability_of_its_own(parse: Parse) -> None:
    (scenario,) = parse(f"lab: 1\nverifier: [dma, irql]\nschedule: fuzzed{STEPS}")
    wanted = {"driver-verifier", "verifier-dma", "verifier-irql", "schedule-fuzzing"}
    assert wanted <= scenario.requires


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("verifier: on", "case.yaml:2: verifier: 'on' is malformed: off, standard, or a list of"),
        ("verifier: [pool]", "case.yaml:2: verifier[1]: "),
        ("verifier: []", "case.yaml:2: verifier: "),
        ("matrix: {verifier: [of]}", "case.yaml:2: matrix.verifier: 'of' is no check: did you mean 'off'?"),
        ("isolation: none\nverifier: standard", "case.yaml:3: verifier: needs a fresh load of the driver"),
        ("isolation: none\nschedule: fuzzed", "case.yaml:3: schedule: needs a fresh load of the driver"),
    ],
)
def test_what_is_wrong(problems: Problems, key: str, line: str) -> None:
    assert [problem for problem in problems(f"lab: 1\n{key}{STEPS}") if problem.startswith(line)]


def playback(verified: int | None) -> Playback:
    """A good run, in which the guest says that this is in force."""
    said = {} if verified is None else {"verified": verified}
    op = {"e": "op", "actor": "a", "op": "x", "t0": 1, "t1": 2, "ok": True, "err": 0, "n": 0}
    events = [
        {"e": "hello", "v": 1, "pid": 1},
        {**op, "id": "load", **said},
        {**op, "id": "1"},
        {"e": "done", "ok": True},
    ]
    return Playback([json.dumps(event) for event in events])


@pytest.mark.parametrize(("verified", "ran"), [(17, ["special-pool", "io"]), (None, None)])
def test_the_result_says_what_ran(parse: Parse, tmp_path: Path, verified: int | None, ran: list[str] | None) -> None:
    (scenario,) = parse(f"lab: 1\nverifier: standard{STEPS}")
    lab = RecordedLab(tmp_path, playback(verified), capabilities=GUEST)
    verdict = run_scenario(lab, scenario, tmp_path / "run")
    assert verdict.artifacts is not None
    result = json.loads((verdict.artifacts / "result.json").read_text())
    assert result["verifier"] == {"asked": "standard", "ran": ran}
    assert verdict.cause is (Cause.PASSED if ran else Cause.INFRASTRUCTURE), verdict.report()


def test_another_setting_than_the_one_asked_for_is_no_result(parse: Parse, tmp_path: Path) -> None:
    (scenario,) = parse(f"lab: 1\nverifier: standard\nschedule: {{fuzzed: 3}}{STEPS}")
    verdict = run_scenario(RecordedLab(tmp_path, playback(1), capabilities=GUEST), scenario, tmp_path / "run")
    assert verdict.cause is Cause.INFRASTRUCTURE
    assert verdict.reason == "Driver Verifier checked special-pool, not what was asked for"


@pytest.mark.parametrize(
    ("arranged", "in_force", "cause"),
    [
        (17, 17, Cause.PASSED),
        (17, 0, Cause.INFRASTRUCTURE),
        (1, 1, Cause.INFRASTRUCTURE),
        (0, 0, Cause.INFRASTRUCTURE),
    ],
)
def test_where_the_lab_sets_it_what_was_read_back_counts(
    parse: Parse, tmp_path: Path, arranged: int, in_force: int, cause: Cause
) -> None:
    (scenario,) = parse(f"lab: 1\nverifier: standard{STEPS}")
    lab = RecordedLab(tmp_path, playback(None), capabilities=(*GUEST, "verifier-at-boot"))
    lab.arranged, lab.in_force = arranged, in_force
    verdict = run_scenario(lab, scenario, tmp_path / "run")
    assert verdict.cause is cause, verdict.report()
    assert verdict.artifacts is not None
    assert json.loads((verdict.artifacts / "result.json").read_text())["verifier"]["ran"] == level_names(in_force)
    assert "verify" not in (verdict.artifacts / "script.txt").read_text()


def test_levels_are_told_in_words() -> None:
    assert level_names(0x80003B) == ["special-pool", "irql", "pool-tracking", "io", "deadlock", "fuzzed"]
    assert level_names(0) == []
    assert level_names(0x40000001) == ["special-pool", "0x40000000"]
