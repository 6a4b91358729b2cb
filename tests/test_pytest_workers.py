"""`pytest scenarios -n N`: one run of several processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_pytest_plugin import add, plan, project

from lab.results.store import Store

__all__ = ["project"]
pytest_plugins = ["pytester"]
pytestmark = pytest.mark.slow


def test_the_workers_results_are_one_run(project: pytest.Pytester) -> None:
    plan(project, "lab._playbacks[0].events = lab._playbacks[0].events[:3]")
    result = project.runpytest_subprocess("scenarios", "-n", "2")
    result.stdout.fnmatch_lines(["*= lab (*) =*", "endings:   2 *", "results:   *", "report:    *"])
    (directory,) = (path.parent for path in Path(project.path).glob("artifacts/*/run.json"))
    run = json.loads((directory / "run.json").read_text())
    assert sorted(each["scenario"] for each in run["outcomes"]) == [
        "shared[example-buffered]",
        "shared[example-direct]",
    ]
    assert (directory / "report.html").is_file()
    assert (directory / "junit.xml").read_text().count("<testcase") == 2
    with Store(Path(project.path) / "artifacts" / "history.db") as store:
        assert [each.name for each in store.runs(9)] == [directory.name]


def test_what_a_worker_was_at_when_it_was_killed_is_told_and_the_rest_is_run(project: pytest.Pytester) -> None:
    add(project, "killed")
    plan(project, "if not Path('killed').exists():", "    Path('killed').touch()", "    os.kill(os.getpid(), 9)")
    project.runpytest_subprocess("scenarios", "-n", "1")
    (path,) = Path(project.path).glob("artifacts/*/run.json")
    outcomes = json.loads(path.read_text())["outcomes"]
    assert len(outcomes) == 3
    assert [each["reason"] for each in outcomes if each["cause"] == "infrastructure"] == [
        "the process that ran it died"
    ]


def test_coverage_is_of_one_process(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("scenarios", "-n", "2", "--coverage")
    result.stderr.fnmatch_lines(["*--coverage counts in one process: leave -n out"])


def test_a_bad_lab_yaml_is_told_once_before_any_worker_starts(project: pytest.Pytester) -> None:
    (Path(project.path) / "lab.yaml").write_text("lab: 1\nreactos:\n")
    result = project.runpytest_subprocess("scenarios", "-n", "900")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["lab.yaml:2: reactos: cannot be nothing: *"])
    result.stdout.no_fnmatch_line("*created: *workers*")
