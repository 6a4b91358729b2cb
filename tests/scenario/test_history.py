from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.config import ModelSpec
from lab.errors import Cause
from lab.scenario.history import history_of
from lab.scenario.model import Scenario, Step
from lab.scenario.observed import Recorder
from lab.scenario.run import run_scenario
from lab.traffic.history import NEVER, Operation, Status, read_history

from .recorded_lab import Playback, RecordedLab, recording

PIPES = ModelSpec(Path(__file__).parents[2] / "driver" / "model" / "pipe.py", "Pipes")

OPEN = "  - a: {open: HELLO}\n  - b: {open: HELLO}\n"
LINEARIZABLE = "expect: {history: linearizable}\n"


def history(scenario: Scenario, events: list[str], tmp_path: Path) -> list[Operation]:
    with (tmp_path / "events").open("w") as stream:
        recorder = Recorder(stream)
        for event in events:
            recorder.line(event)
    return history_of(scenario, recorder.observed)


def test_a_killed_process_leaves_what_is_uncertain_and_closes_what_it_had_open(
    recorded: Callable[[str], Scenario], tmp_path: Path
) -> None:
    found = history(recorded("killed"), list(recording("killed").events), tmp_path)
    gone = [(each.actor, each.op) for each in found if each.status is Status.GONE]
    assert ("reader", "read") in gone
    (kill,) = (each for each in found if each.op == "kill")
    closes = [each for each in found if each.op == "close" and each.implied]
    assert [(each.actor, each.t0, each.t1, each.status) for each in closes] == [
        ("reader", kill.t0, kill.t1, Status.RETURNED)
    ]
    assert closes[0].path
    assert [each.number for each in found] == list(range(len(found)))
    assert [each.t1 for each in found] == sorted(each.t1 for each in found)


def test_a_process_closes_nothing_before_its_last_operation_has_returned(
    parse: Callable[[str], list[Scenario]], tmp_path: Path
) -> None:
    """It is still at work when somebody sets out to kill it."""
    lanes = "  - parallel:\n      a: [{write: x}]\n      conductor: [{kill: a}]\n"
    (scenario,) = parse("lab: 1\nsteps:\n" + OPEN + lanes)
    times = {"1": ("a", "open", 1, 2), "2": ("b", "open", 3, 4), "3@a.1": ("a", "write", 20, 30)}
    times["3@conductor.1"] = ("-", "kill", 10, 40)
    events = [
        json.dumps({"e": "op", "id": step, "actor": actor, "op": op, "t0": t0, "t1": t1, "ok": True, "err": 0})
        for step, (actor, op, t0, t1) in times.items()
    ]
    found = history(scenario, ['{"e":"hello","v":1,"pid":1}', *events], tmp_path)
    (close,) = (each for each in found if each.implied)
    assert (close.actor, close.t0, close.t1) == ("a", 30, 40)


def test_an_operation_that_did_not_return_is_pending_since_the_one_before_it(
    recorded: Callable[[str], Scenario], tmp_path: Path
) -> None:
    found = history(recorded("never-completed"), list(recording("never-completed").events), tmp_path)
    (pending,) = (each for each in found if each.status is Status.PENDING)
    before = [each for each in found if each.actor == pending.actor and each.id and each.status is Status.RETURNED]
    assert (pending.op, pending.t0, pending.t1) == ("ioctl", before[-1].t1, NEVER)
    assert pending.path == before[-1].path


def test_every_operation_comes_back_from_disk_as_it_was(recorded: Callable[[str], Scenario], tmp_path: Path) -> None:
    for name in ("killed", "never-completed", "shared"):
        events = recording("shared.example-direct" if name == "shared" else name).events
        found = history(recorded(name), list(events), tmp_path)
        file = tmp_path / f"{name}.jsonl"
        file.write_text("".join(f"{operation.to_json()}\n" for operation in found))
        assert read_history(file) == found


@pytest.mark.parametrize("change", [False, True])
@pytest.mark.parametrize("contradiction_wanted", [False, True])
def test_the_verdict_on_a_history(
    recorded: Callable[[str], Scenario], tmp_path: Path, change: bool, contradiction_wanted: bool
) -> None:
    scenario = recorded("shared")
    scenario = replace(scenario, judged_by=PIPES, device=r"\\.\Example", is_contradicted=contradiction_wanted)
    scenario = replace(scenario, conserved=(), plan=tuple(_any_result(step) for step in scenario.steps))
    play = recording("shared.example-direct")
    if change:
        play = Playback([_without_a_byte(event) for event in play.events], play.kd)
    verdict = run_scenario(RecordedLab(tmp_path, play), scenario, tmp_path / "run")
    assert verdict.cause is (Cause.PASSED if change == contradiction_wanted else Cause.FAILED)
    assert verdict.artifacts is not None
    assert (verdict.artifacts / "contradiction.txt").exists() == change
    if change:
        assert "cannot be put in any order" in (verdict.artifacts / "contradiction.txt").read_text()
        assert (verdict.artifacts / "contradiction-1.svg").read_text().startswith("<svg")


def _any_result(step: Step) -> Step:
    return replace(step, expected=replace(step.expected, moved=None, data=None, output={}))


def _without_a_byte(event: str) -> str:
    return event.replace('"data":"68656c6c6f"', '"data":"68656c6c"').replace('"n":5,"data"', '"n":4,"data"')


def test_a_scenario_with_a_program_cannot_be_judged(problems: Callable[[str], list[str]]) -> None:
    text = "lab: 1\nactors: {p: {program: usedriver2.exe}}\nsteps:\n  - p: {await: ready}\n" + LINEARIZABLE
    assert [line for line in problems(text) if "nobody sees what the program 'p' does" in line]


def test_without_a_model_nothing_can_be_judged(problems: Callable[[str], list[str]]) -> None:
    assert problems("lab: 1\nsteps:\n" + OPEN + LINEARIZABLE) == [
        "case.yaml:5: expect.history: needs a reference model of the driver: `model: FILE.py:CLASS` in lab.yaml"
    ]


@pytest.mark.parametrize("value", ["linear", "{linearizable: yes}", "[]"])
def test_what_a_history_cannot_be(problems: Callable[[str], list[str]], value: str) -> None:
    (problem,) = problems("lab: 1\nsteps:\n" + OPEN + f"expect: {{history: {value}}}\n")
    assert "expect.history" in problem
