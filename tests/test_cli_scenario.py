"""The `lab scenario` commands, as a person sees them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from lab.cli import run
from lab.config import load_config
from lab.scenario.load import load_scenarios
from lab.scenario.skeleton import new_scenario

LAB_YAML = r"""
lab: 1
device: '\\.\Example'
drivers: {one: {file: one.sys, service: Example}, other: {file: other.sys, service: Example}}
default_driver: one
programs: [tool.exe]
clean: {unload: true}
ioctls: {get-size: {code: 0x222000, output: [size u32]}, set-size: {code: 0x22A004, input: [size u32]}}
"""
GOOD = "lab: 1\nsteps: [{a: {open: X}}]\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "lab.yaml").write_text(LAB_YAML)
    (tmp_path / "scenarios").mkdir()
    return tmp_path


def test_check_tells_every_problem_of_every_file(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "scenarios" / "bad.yaml").write_text("lab: 1\ndescripton: x\nsteps: [{a: {opn: X}}]\n")
    (root / "scenarios" / "good.yaml").write_text("matrix: {driver: [one, other]}\n" + GOOD)
    (root / "scenarios" / "worse.yml").write_text("lab: 1\nsteps: [{a: open}]\ntimeout: 0s\n")
    (root / "scenarios" / "notes.yaml").write_text("hello: world\n")
    assert run(["scenario", "check", "scenarios"]) == 2
    assert capsys.readouterr().out.splitlines() == [
        "scenarios/bad.yaml:2: descripton: is not a known field here: did you mean 'description'?",
        "scenarios/bad.yaml:3: steps[1].a.opn: is not a known field here: did you mean 'open'?",
        "scenarios/worse.yml:3: timeout: leaves no time: a time above 0, as in 30s",
        "3 problems in 2 of 3 files",
    ]
    assert run(["scenario", "check", "scenarios/good.yaml"]) == 0
    assert capsys.readouterr().out == "no problem in 1 file, which make 2 tests\n"


def test_check_tells_a_problem_of_lab_yaml_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "lab.yaml").write_text(LAB_YAML.replace("unload: true", "unload: true, log: {contains: /(/}"))
    for name in ("a", "b"):
        (root / "scenarios" / f"{name}.yaml").write_text(GOOD + "expect: {end: clean}\n")
    assert run(["scenario", "check", "."]) == 2
    problem, summary = capsys.readouterr().out.splitlines()
    assert problem.startswith("lab.yaml:7: clean.log.contains: /(/ is not a regular expression")
    assert summary == "1 problem in 2 of 2 files"


def test_check_passes_over_what_runs_left(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = root / "artifacts" / "run"
    left.mkdir(parents=True)
    (left / "scenario.yaml").write_text("lab: 1\nsteps: bad\n")
    (root / "scenarios" / "good.yaml").write_text(GOOD)
    assert run(["scenario", "check", "."]) == 0
    assert "1 file" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "what"), [("nowhere", "there is no nowhere"), ("scenarios", "no scenario in scenarios")]
)
def test_check_of_nothing_is_a_mistake(root: Path, path: str, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert root.is_dir()
    assert run(["scenario", "check", path]) == 2
    assert what in capsys.readouterr().err


def test_new_writes_a_good_scenario_and_its_schema(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scenario", "new", "two-writers-share"]) == 0
    path = root / "scenarios" / "two-writers-share.yaml"
    text = path.read_text()
    assert text.startswith("# yaml-language-server: $schema=../.lab/scenario.schema.json\n")
    assert "description: Two writers share\n" in text
    (scenario,) = load_scenarios(path, load_config(root / "lab.yaml"))
    assert [step.op for step in scenario.steps] == ["service", "open", "close"]
    schema = json.loads((path.parent / "../.lab/scenario.schema.json").read_text())
    assert {"enum": ["one", "other"]} in schema["properties"]["driver"]["anyOf"]
    assert "scenarios/two-writers-share.yaml" in capsys.readouterr().out


def test_all_that_a_new_scenario_offers_in_comments_is_right(root: Path) -> None:
    path = new_scenario("all-of-it", load_config(root / "lab.yaml"))
    lines = path.read_text().splitlines()[3:]
    offered = [line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line for line in lines]
    unused = ("driver: one", "actors: {tool:", "  - user: close")
    path.write_text("\n".join(line for line in offered if not line.startswith(unused)))
    assert len(load_scenarios(path, load_config(root / "lab.yaml"))) == 2


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("again", "scenarios/again.yaml exists"),
        ("../elsewhere/x", "'../elsewhere/x' is not below"),
        ("a b", "'a b' cannot be a scenario's name"),
    ],
)
def test_new_refuses(root: Path, name: str, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    again = root / "scenarios" / "again.yaml"
    again.write_text("mine")
    assert run(["scenario", "new", name]) == 2
    assert what in capsys.readouterr().err
    assert again.read_text() == "mine"


def test_explain_shows_words_lanes_and_the_other_points(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = root / "scenarios" / "x.yaml"
    path.write_text("matrix: {driver: [one, other], n: [A, B]}\n" + GOOD.replace("X", "'${n}'"))
    assert run(["scenario", "explain", str(path), "--point", "other-B"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("x[other-B]\n  driver   other, loaded anew first\n")
    assert r"open \\.\Example\B" in out.splitlines()[-3]
    assert "one of 4 tests of this file; --point shows another: one-A, one-B, other-A\n" in out
    assert run(["scenario", "explain", str(path), "--point", "third"]) == 2
    assert run(["scenario", "explain", str(path), "--svg", "x.svg"]) == 0
    assert "<svg" in (root / "x.svg").read_text()


def test_schema_works_without_a_lab_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["scenario", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["lab"]["const"] == 1


def test_a_thousand_files_are_checked_in_seconds(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(250):
        text = f"lab: 1\ndescription: number {number}\nsteps:\n" + "  - a: [{open: X}, {write: hello}, close]\n" * 5
        (root / "scenarios" / f"s{number}.yaml").write_text(text)
    begin = time.process_time()
    assert run(["scenario", "check", "scenarios"]) == 0
    assert time.process_time() - begin < 5 / 4
    assert "250 files" in capsys.readouterr().out
