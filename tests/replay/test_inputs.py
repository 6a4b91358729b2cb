"""What a scenario's directory keeps so that it can be run again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lab.cli import run
from lab.config import load_config
from lab.errors import UsageError
from lab.replay.inputs import keep_inputs
from lab.replay.kept import Kept
from lab.scenario.load import load_scenarios
from lab.traffic.schedule import Replayed

LAB = r"""
lab: 1
device: '\\.\Example'
build: make -s
drivers:
  one: {file: build/one.sys, service: Example}
  two: {file: build/two.sys, service: Example}
default_driver: two
programs: [build/tool.exe, build/unused.exe]
debugger: {serve: {'\SystemRoot\lab.sys': build/served.sys}}
"""
SCENARIO = r"""
lab: 1
seed: random
matrix: {driver: [one, two]}
actors: {tool: {program: tool.exe}}
steps:
  - writer: {open: A}
  - tool: {await: ready}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "build").mkdir(parents=True)
    (root / "scenarios").mkdir()
    for name in ("one.sys", "one.pdb", "two.sys", "tool.exe", "unused.exe", "served.sys", "traffic.exe"):
        (root / "build" / name).write_text(f"{name}, first build")
    (root / "lab.yaml").write_text(LAB)
    (root / "scenarios" / "some.yaml").write_text(SCENARIO)
    return root


@pytest.fixture
def kept(project: Path, tmp_path: Path) -> Path:
    """A directory as a failed run leaves it."""
    directory = tmp_path / "left"
    directory.mkdir()
    config = load_config(project / "lab.yaml")
    scenario = load_scenarios(project / "scenarios" / "some.yaml", config, seed=77)[0]
    keep_inputs(directory, config, scenario, project / "build" / "traffic.exe")
    result = {
        "cause": "failed",
        "reason": "",
        "file": str(scenario.path),
        "point": dict(scenario.point),
        "scenario": "x",
        "seed": scenario.seed,
    }
    (directory / "result.json").write_text(json.dumps(result))
    return directory


def test_the_directory_alone_is_enough(kept: Path, project: Path, tmp_path: Path) -> None:
    """Moved elsewhere, and after the project is gone."""
    moved = tmp_path / "elsewhere" / "moved"
    shutil.copytree(kept, moved)
    shutil.rmtree(project)
    shutil.rmtree(kept)
    opened = Kept(moved)
    scenario = opened.scenario()
    assert scenario.id == "some[one]"
    assert scenario.seed == 77
    assert scenario.driver.file == moved / "replay" / "drivers" / "one.sys"
    assert scenario.driver.file.read_text() == "one.sys, first build"
    assert scenario.driver.file.with_suffix(".pdb").is_file()
    assert opened.traffic.read_text() == "traffic.exe, first build"
    assert opened.config.programs["tool.exe"].read_text() == "tool.exe, first build"
    assert [file.read_text() for file in scenario.debugger.serve.values()] == ["served.sys, first build"]
    assert opened.config.build == ""


def test_what_was_not_used_is_not_kept(kept: Path) -> None:
    assert not (kept / "replay" / "drivers" / "two.sys").exists()
    assert not (kept / "replay" / "programs" / "unused.exe").exists()
    assert list(Kept(kept).own_config.programs) == ["tool.exe"]


@pytest.mark.parametrize("given", ["kept/order.json", "../orders", "{absolute}/order.json"])
def test_an_order_is_kept_wherever_it_lay(project: Path, tmp_path: Path, given: str) -> None:
    order = {"v": 1, "blocks": {"1": ["writer", "reader", "writer returns"]}}
    orders = project / ("scenarios/kept" if given.startswith("kept") else "orders")
    orders.mkdir(parents=True)
    (orders / "order.json").write_text(json.dumps(order))
    text = (
        f"lab: 1\ndriver: one\nschedule: {{replay: '{given.format(absolute=orders)}'}} # as it was\n"
        "steps:\n  - parallel: {writer: {open: A}, reader: {open: B}}\n"
    )
    (project / "scenarios" / "ordered.yaml").write_text(text)
    config = load_config(project / "lab.yaml")
    (scenario,) = load_scenarios(project / "scenarios" / "ordered.yaml", config)
    keep_inputs(tmp_path / "left", config, scenario, project / "build" / "traffic.exe")
    result = {"cause": "failed", "reason": "", "file": str(scenario.path), "point": {}, "scenario": "x", "seed": 0}
    (tmp_path / "left" / "result.json").write_text(json.dumps(result))
    shutil.rmtree(project)
    again = Kept(tmp_path / "left").scenario().schedule
    assert isinstance(again, Replayed)
    assert isinstance(scenario.schedule, Replayed)
    assert again.orders == scenario.schedule.orders


@pytest.mark.parametrize("name", ["drivers/one.sys", "traffic.exe", "some.yaml"])
def test_a_changed_or_missing_file_is_told(kept: Path, name: str) -> None:
    (kept / "replay" / name).write_text("other")
    with pytest.raises(UsageError, match="is not what the scenario ran with"):
        Kept(kept)
    (kept / "replay" / name).unlink()
    with pytest.raises(UsageError, match="is missing"):
        Kept(kept)


def test_a_directory_without_inputs_is_refused(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(kept / "replay")
    assert run(["replay", str(kept)]) == 2
    assert "does not hold what is needed to run it again" in capsys.readouterr().err


def test_a_directory_that_names_files_elsewhere_is_refused(kept: Path) -> None:
    digests = json.loads((kept / "replay" / "digests.json").read_text())
    (kept / "replay" / "digests.json").write_text(json.dumps({**digests, "../../outside": "0"}))
    (kept.parent / "outside").write_text("x")
    with pytest.raises(UsageError, match="is missing"):
        Kept(kept)


@pytest.mark.parametrize("times", ["0", "x", "-1"])
def test_a_number_of_times_that_is_none_is_refused(times: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["replay", "d", "--times", times])
    assert "is no number from 1" in capsys.readouterr().err
