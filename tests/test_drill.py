"""The crash drill: what it reads, and that it notices a drill that did not go well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from scenario.recorded_lab import Playback, RecordedLab, recording

from lab.config import Config, load_config
from lab.drill import Ending, load_drill, run_drill
from lab.errors import Cause, UsageError
from lab.scenario.session import ScenarioSession

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "driver" / "drill"


@pytest.fixture
def config() -> Config:
    return load_config(ROOT / "lab.yaml")


def test_the_drivers_own_drill_knows_every_fault(config: Config) -> None:
    drill = load_drill(FOLDER, config)
    assert [fault.name for fault in drill.faults] == [
        "null-write",
        "bugcheck",
        "double-free",
        "pool-overrun",
        "use-after-free",
        "reference-leak",
        "mutex-held",
        "lost-request",
        "lost-update",
    ]
    assert drill.faults[0].function == "Fault_NullWrite"
    assert {each.name for each in FOLDER.glob("*.yaml")} == {
        "drill.yaml",
        "healthy.yaml",
        *(f"{fault.name}.yaml" for fault in drill.faults),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("drill: 1\nhealthy: h\nfaults: {a: {ends: exploded}}\n", "drill.yaml:3: faults.a.ends"),
        ("drill: 1\nhealthy: h\nfaults: {a: {ends: hung, inn: f}}\n", "did you mean 'in'"),
        ("drill: 1\nhealthy: ../h\nfaults: {a: {ends: hung}}\n", "drill.yaml:2: healthy"),
    ],
)
def test_mistakes_are_told_with_their_line(config: Config, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "drill.yaml").write_text(text)
    with pytest.raises(UsageError, match="drill") as error:
        load_drill(tmp_path, config)
    assert says in str(error.value)


def test_a_folder_without_a_drill_is_told(config: Config, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no drill\.yaml"):
        load_drill(tmp_path, config)


def drill_of(config: Config, tmp_path: Path, *playbacks: Playback) -> Ending:
    """The ending of the drill's null write on a lab that plays back."""
    drill = load_drill(FOLDER, config)
    lab = RecordedLab(tmp_path, *playbacks, capabilities=["bugcheck"])
    session = ScenarioSession(lambda: lab, tmp_path / "artifacts")
    (ending,) = run_drill(replace(drill, faults=drill.faults[:1]), session, lambda _: None)
    return ending


def test_a_crash_without_report_and_dump_is_no_success(config: Config, tmp_path: Path) -> None:
    crash = replace(recording("null-write"), crash="the driver host died")
    ending = drill_of(config, tmp_path, crash, crash, recording("shared.example-direct"))
    assert ending.what == Cause.CRASHED.value
    told = "\n".join(ending.complaints)
    assert "the stop code is not 0x1e" in told
    assert "the report does not name a line of Fault_NullWrite: it names no function" in told
    assert "there is no dump" in told
    assert "the lab is not good afterwards" in told


def test_a_fault_that_ends_as_something_else_is_told(config: Config, tmp_path: Path) -> None:
    ending = drill_of(config, tmp_path, recording("shared.example-direct"))
    assert any(each.startswith("it ended otherwise: ") for each in ending.complaints)
