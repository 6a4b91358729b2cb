"""`schedule:` in a scenario: what is wrong with it, what the guest is told, whether an order was followed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import Cause
from lab.scenario.model import Scenario
from lab.scenario.render import guest_files, render
from lab.scenario.run import run_scenario
from lab.traffic.schedule import Seeded

from .recorded_lab import Playback, RecordedLab

Parse = Callable[[str], list[Scenario]]
Problems = Callable[[str], list[str]]

STEPS = """
steps:
  - a: {open: X}
  - b: {open: X}
  - parallel: {a: [{sleep: 1ms}, flush], b: [flush], conductor: [{sleep: 1ms}]}
"""
ORDER = "[a, conductor, b pends, a, b returns]"


def script_of(scenario: Scenario) -> list[str]:
    return render(scenario, dict.fromkeys(guest_files(scenario), "x")).splitlines()


def test_a_seed_is_passed_on(parse: Parse) -> None:
    (scenario,) = parse(f"lab: 1\nschedule: {{seeded: 7}}{STEPS}")
    assert "schedule seeded 7 100" in script_of(scenario)


def test_the_scenarios_seed_is_the_schedules(parse: Parse) -> None:
    (scenario,) = parse(f"lab: 1\nseed: 9\nschedule: seeded{STEPS}")
    assert scenario.schedule == Seeded(9)


def test_a_matrix_explores_seeds(parse: Parse) -> None:
    scenarios = parse(f"lab: 1\nmatrix: {{seed: [1, 2]}}\nschedule: {{seeded: '${{seed}}'}}{STEPS}")
    assert [scenario.schedule for scenario in scenarios] == [Seeded(1), Seeded(2)]


@pytest.mark.parametrize("key", ["", "schedule: free\n"])
def test_without_a_schedule_nobody_orders(parse: Parse, key: str) -> None:
    (scenario,) = parse(f"lab: 1\n{key}{STEPS.lstrip()}")
    assert scenario.schedule is None
    assert not [line for line in script_of(scenario) if line.startswith("schedule")]


@pytest.mark.parametrize("form", [ORDER, f"{{'3': {ORDER}}}", "order.json"])
def test_a_given_order_is_part_of_the_block(
    parse: Parse, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    turns = ORDER.strip("[]").split(", ")
    Path("order.json").write_text(json.dumps({"v": 1, "blocks": {"3": turns}}))
    (scenario,) = parse(f"lab: 1\nschedule: {{replay: {form}}}{STEPS}")
    lines = script_of(scenario)
    assert "schedule replay 100" in lines
    assert lines[lines.index("end") - 5 : lines.index("end")] == [
        "turn a calls",
        "turn - calls",
        "turn b pends",
        "turn a calls",
        "turn b returns",
    ]


CASES = {
    "a word": (
        "schedule: random",
        "case.yaml:2: schedule: 'random' is malformed: free, {seeded: SEED}, {replay: FILE} or {fuzzed: SEED}",
    ),
    "a seed that is none": (
        "schedule: {seeded: x}",
        "case.yaml:2: schedule.seeded: cannot be 'x': a number from 0 to 4294967295",
    ),
    "both": (
        "schedule: {seeded: 1, replay: [a]}",
        "case.yaml:2: schedule: holds 2 where 1 at most can stand: "
        "free, {seeded: SEED}, {replay: FILE} or {fuzzed: SEED}",
    ),
    "no turn": (
        "schedule: {replay: [a runs]}",
        "case.yaml:2: schedule.replay[1]: 'a runs' is malformed: an actor whose turn it is, as in writer, "
        "`writer pends` or `writer returns`",
    ),
    "somebody else": (
        "schedule: {replay: [a, a, c, conductor]}",
        "case.yaml:2: schedule.replay: 'c' does nothing in step 3: one of a, b, conductor",
    ),
    "too often": (
        "schedule: {replay: [a, b, b, a, conductor]}",
        "case.yaml:2: schedule.replay: has 2 turns of b, who has 1 operations in step 3: an order that was seen of "
        "these operations",
    ),
    "another step": (
        "schedule: {replay: {'2': [a]}}",
        "case.yaml:2: schedule.replay.2: '2' is no parallel step: one of 3",
    ),
    "no file": (
        "schedule: {replay: none.json}",
        "case.yaml:2: schedule.replay: none.json cannot be read: No such file or directory: name the order.json of a "
        "scenario's artifacts",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong(problems: Problems, case: str) -> None:
    schedule, line = CASES[case]
    assert line in problems(f"lab: 1\n{schedule}{STEPS}")


def test_nothing_to_order(problems: Problems) -> None:
    assert problems("lab: 1\nschedule: seeded\nsteps: [{a: {open: X}}]") == [
        "case.yaml:2: schedule: orders nothing: no step is `parallel:`: leave it out"
    ]


def playback(*turns: tuple[str, str]) -> Playback:
    """Everything succeeds, in these turns."""
    events: list[dict[str, object]] = [{"e": "hello", "v": 1, "pid": 1}]
    ids = {"1": "a", "2": "b", "3@a.1": "a", "3@a.2": "a", "3@b.1": "b", "3@conductor.1": "-"}
    events += [{"e": "turn", "block": "3", "actor": actor, "id": "x", "what": what} for actor, what in turns]
    events += [
        {"e": "op", "id": step, "actor": actor, "op": "x", "t0": 1, "t1": 2, "ok": True, "err": 0, "n": 0}
        for step, actor in ids.items()
    ]
    return Playback([json.dumps(event) for event in [*events, {"e": "done", "ok": True}]])


FOLLOWED = (("a", "calls"), ("-", "calls"), ("b", "calls"), ("b", "pends"), ("a", "calls"), ("b", "returns"))


def test_an_order_that_is_followed_passes_and_is_kept(parse: Parse, tmp_path: Path) -> None:
    (scenario,) = parse(f"lab: 1\nisolation: none\nschedule: {{replay: {ORDER}}}{STEPS}")
    scenario = replace(scenario, path=tmp_path / "lab.yaml")
    verdict = run_scenario(RecordedLab(tmp_path, playback(*FOLLOWED)), scenario, tmp_path / "run")
    assert verdict.cause is Cause.PASSED
    assert verdict.artifacts
    kept = json.loads((verdict.artifacts / "order.json").read_text())
    assert kept["blocks"] == {"3": ORDER.strip("[]").split(", ")}
    assert json.loads((verdict.artifacts / "result.json").read_text())["schedule"] == {
        "replay": "the scenario's own list"
    }


def test_another_order_than_the_one_to_be_followed_fails(parse: Parse, tmp_path: Path) -> None:
    (scenario,) = parse(f"lab: 1\nisolation: none\nschedule: {{replay: {ORDER}}}{STEPS}")
    scenario = replace(scenario, path=tmp_path / "lab.yaml")
    returned = [turn for turn in FOLLOWED if turn[1] == "calls"]
    verdict = run_scenario(RecordedLab(tmp_path, playback(*returned)), scenario, tmp_path / "run")
    assert verdict.cause is Cause.FAILED
    assert verdict.reason == ("step 3, turn 3 of 5 of the order that is replayed: expected b pends, got b")
