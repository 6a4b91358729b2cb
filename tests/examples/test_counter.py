"""The second driver's model, and requests that go on beside others of their process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lab.config import load_config
from lab.scenario.history import history_of
from lab.scenario.load import load_scenarios
from lab.scenario.observed import Recorder
from lab.scenario.oracle import ask_model
from lab.traffic.history import Operation, read_history

COUNTER = Path(__file__).parents[2] / "examples" / "counter"
NAME = "wait-ends-when-the-value-is-reached"
CONFIG = load_config(COUNTER / "lab.yaml")


def recorded(folder: Path) -> list[Operation]:
    """What the processes of the scenario did when it was run once."""
    (scenario,) = load_scenarios(COUNTER / "scenarios" / f"{NAME}.yaml", CONFIG)
    with (folder / "events").open("w") as stream:
        recorder = Recorder(stream)
        for line in (Path(__file__).parent / "recordings" / f"{NAME}.jsonl").read_text().splitlines():
            recorder.line(line)
    return history_of(scenario, recorder.observed)


def contradictions(history: list[Operation]) -> int:
    assert CONFIG.model is not None
    return len(ask_model(CONFIG.model, CONFIG.device, history).contradictions)


def test_a_request_is_one_operation_from_its_begin_to_its_end(tmp_path: Path) -> None:
    history = recorded(tmp_path)
    five, eight = (next(each for each in history if each.request == name) for name in ("five", "eight"))
    assert (five.op, five.ok, five.data) == ("ioctl", True, (6).to_bytes(8, "little"))
    assert five.t0 < eight.t0 < five.t1 < eight.t1
    assert not [each for each in history if each.op == "finish"]
    file = tmp_path / "history.jsonl"
    file.write_text("".join(f"{each.to_json()}\n" for each in history))
    assert read_history(file) == history


def test_the_model_explains_what_waiting_saw(tmp_path: Path) -> None:
    history = recorded(tmp_path)
    assert contradictions(history) == 0
    too_early = [replace(each, data=(4).to_bytes(8, "little")) if each.request == "five" else each for each in history]
    assert contradictions(too_early) == 1
