"""Scenarios that fail, crash or are a matter of luck on the real guest, run again from what they left."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.config import Config
from lab.replay.kept import Kept
from lab.replay.outcome import Likeness
from lab.replay.replay import Replay, replay
from lab.report.record import read_record
from lab.running import RunningLab
from lab.scenario.load import parse_scenarios
from lab.scenario.session import ScenarioSession

pytestmark = [pytest.mark.vm, pytest.mark.slow]

FAILS = """
lab: 1
driver: example-fault
steps:
  - writer: {open: SHARED}
  - writer: {write: hello}
  - writer: {read: 100, expect: {text: hallo}}
"""
CRASHES = """
lab: 1
driver: example-fault
steps:
  - faulter: {open: SHARED}
  - faulter: {ioctl: fault, input: {kind: %d}}
"""
LUCK = """
lab: 1
driver: example-fault
steps:
  - reader: {open: SHARED}
  - first: {open: SHARED}
  - second: {open: SHARED}
  - parallel:
      first: [{barrier: start}, {write: A}]
      second: [{barrier: start}, {write: B}]
  - reader: {read: 100, expect: {text: %s}}
"""
NULL_WRITE, BUGCHECK = 1, 2


@pytest.fixture
def own(lab: RunningLab, project: Config, tmp_path: Path) -> Iterator[RunningLab]:
    """The lab with a build of the driver that a test may change."""
    build = tmp_path / "build"
    build.mkdir()
    drivers = {}
    for name, driver in project.drivers.items():
        for file in (driver.file, driver.file.with_suffix(".pdb")):
            shutil.copyfile(file, build / file.name)
        drivers[name] = replace(driver, file=build / driver.file.name)
    traffic = lab.traffic_program
    lab.config = replace(project, drivers=drivers)
    yield lab
    lab.config, lab.traffic_program = project, traffic


def left_by(lab: RunningLab, text: str, tmp_path: Path) -> Path:
    """Run a scenario, and give the directory that it left."""
    path = tmp_path / "some.yaml"
    path.write_text(text)
    scenario = replace(parse_scenarios(text, "some.yaml", lab.config)[0], path=path)
    verdict = ScenarioSession(lambda: lab, tmp_path / "artifacts").run(scenario)
    assert verdict.artifacts, verdict.report()
    return verdict.artifacts


def again(lab: RunningLab, directory: Path, times: int = 1) -> Replay:
    kept = Kept(directory)
    kept.equip(lab)
    return replay(kept, lambda: lab, times, lambda number, attempt: print(number, attempt.comparison))


def test_a_failing_scenario_fails_again_the_same_way(own: RunningLab, tmp_path: Path) -> None:
    directory = left_by(own, FAILS, tmp_path)
    done = again(own, directory, times=2)
    assert list(done.verdict())[-1].startswith("same 2 of 2 (100%")
    assert "lab replay" in (directory / "report.txt").read_text()


def test_a_crash_happens_again_with_its_signature(own: RunningLab, tmp_path: Path) -> None:
    directory = left_by(own, CRASHES % NULL_WRITE, tmp_path)
    first = read_record(directory)
    assert "example-fault!Fault_NullWrite" in first.signature[1]
    done = again(own, directory)
    assert list(done.verdict()) == ["same"]
    assert done.attempts[0].directory
    assert read_record(done.attempts[0].directory).signature == first.signature


def test_another_failure_is_different(own: RunningLab, tmp_path: Path) -> None:
    """The directory tells of another ending than what it holds leads to: as when chance has a hand in it."""
    kept = Kept(left_by(own, FAILS, tmp_path))
    failures = [{**kept.record.result["failures"][0], "got": "silence"}]
    kept.record = replace(kept.record, result={**kept.record.result, "failures": failures})
    kept.equip(own)
    done = replay(kept, lambda: own, 1, lambda _number, _attempt: None)
    assert done.likeness is Likeness.DIFFERENT
    assert list(done.verdict())[-1].endswith("it was step 3, writer: read 100 bytes: got silence")


def test_what_is_a_matter_of_luck_gets_a_rate(own: RunningLab, tmp_path: Path) -> None:
    ends = (left_by(own, LUCK % order, tmp_path) for order in ["AB", "BA"] * 10)  # one order may be rare
    directory = next(each for each in ends if read_record(each).cause == "failed")
    done = again(own, directory, times=6)
    assert done.count(Likeness.SAME) + done.count(Likeness.DID_NOT_HAPPEN) == 6
    assert re.match(r"(same [1-6]|did not happen \(0) of 6 ", list(done.verdict())[-1])


def test_a_moved_directory_runs_with_its_own_driver(own: RunningLab, tmp_path: Path) -> None:
    directory = left_by(own, CRASHES % BUGCHECK, tmp_path)
    moved = tmp_path / "elsewhere" / "moved"
    shutil.copytree(directory, moved)
    shutil.rmtree(directory)
    for name in ("sys", "pdb"):  # The working tree's driver has no faults any more.
        file = own.config.drivers["example-fault"].file.with_suffix(f".{name}")
        shutil.copyfile(own.config.drivers["example-buffered"].file.with_suffix(f".{name}"), file)
    assert list(again(own, moved).verdict()) == ["same"]


def test_a_directory_alone_gets_a_lab_of_its_own(own: RunningLab, tmp_path: Path) -> None:
    """No lab.yaml leads to it; programs that the project names and the scenario did not use are not there."""
    assert own.config.programs
    directory = left_by(own, FAILS, tmp_path)
    command = [sys.executable, "-m", "lab", "replay", str(directory)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "same"), ran.stdout + ran.stderr
