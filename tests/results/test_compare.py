"""Two runs held against each other, and the commands about runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab import cli
from lab.report.run_files import write_run
from lab.results.compare import compare_runs

from .runs import outcome, run


def test_what_ends_otherwise_is_told_failures_first() -> None:
    first = run(1, outcome("a"), outcome("b", "failed"), outcome("c", "crashed", signature="1"), outcome("gone"))
    second = run(
        0, outcome("a", "failed", reason="got 4"), outcome("b"), outcome("c", "crashed", signature="2"),
        outcome("d", seconds=1.0),
    )  # fmt: skip
    told = [(each.kind, each.scenario) for each in compare_runs(first, second)]
    assert told == [
        ("new failure", "a"), ("other failure", "c"), ("fixed", "b"), ("only in A", "gone"), ("only in B", "d"),
    ]  # fmt: skip


def test_one_bad_ending_among_many_counts() -> None:
    first, second = run(1, *[outcome("a")] * 3), run(0, outcome("a"), outcome("a", "failed"), outcome("a"))
    assert [each.kind for each in compare_runs(first, second)] == ["new failure"]
    assert compare_runs(first, first) == []


def test_slower_is_told_of_what_passed() -> None:
    first, second = run(1, outcome("a", seconds=1.0)), run(0, outcome("a", seconds=2.0))
    assert [str(each) for each in compare_runs(first, second)] == ["slower         a: 2.0 s; it was 1.0 s"]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab's folder with two runs among its artifacts."""
    (tmp_path / "lab.yaml").write_text("lab: 1\ndevice: '\\\\.\\X'\ndrivers: {x: {file: x.sys, service: X}}\n")
    for name, day, cause in (("one", 1, "passed"), ("two", 0, "failed")):
        directory = tmp_path / "artifacts" / name
        directory.mkdir(parents=True)
        write_run(run(day, outcome("s", cause, reason="why"), directory=directory, name=name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["history", "import", "artifacts"]) == 0
    assert cli.run(["history", "import", "artifacts/one"]) == 0
    assert capsys.readouterr().out == "2 added, 0 known already\n0 added, 1 known already\n"
    assert cli.run(["history", "list"]) == 0
    assert [line.split()[-2:] for line in capsys.readouterr().out.splitlines()] == [["1", "passed"], ["1", "failed"]]
    assert cli.run(["history", "html"]) == 0
    assert capsys.readouterr().out.startswith("1 new failure\n")
    assert (lab / "artifacts" / "history.html").is_file()
    assert cli.run(["history", "diff", "artifacts/one", "artifacts/two"]) == 1
    assert "new failure    s: failed: why; it was passed" in capsys.readouterr().out
    assert cli.run(["history", "diff", "artifacts/one", "artifacts/one"]) == 0


def test_what_is_no_run_is_refused(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(lab / "artifacts")
    assert cli.run(["history", "import", "."]) == 2
    assert cli.run(["history", "html"]) == 2
    assert "no run yet" in capsys.readouterr().err
