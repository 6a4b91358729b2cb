"""`pytest scenarios`, as a person sees it. The lab behind it plays back recordings of real runs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import lab.scenario.load
import lab.scenario.session  # noqa: F401  (pytester forgets what a run imports; PyYAML's C part cannot start twice)
from lab.results.store import Store

pytest_plugins = ["pytester"]

RECORDINGS = Path(__file__).parent / "scenario" / "recordings"

CONFTEST = f"""
import json, os, sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from scenario.recorded_lab import RecordedLab, recording
from lab.errors import CrashedError, GuestLostError, HungError, InfrastructureError

def pytest_lab_bring_up(config, lab_config):
    Path("brought-up").write_text(Path("brought-up").read_text() + "x" if Path("brought-up").exists() else "x")
    lab = RecordedLab(Path.cwd(), recording("shared.example-direct"))
    plan(lab)
    return lab

def plan(lab):
    pass
"""

LAB_YAML = r"""
lab: 1
device: '\\.\Example'
drivers:
  example-direct: {file: build/example-direct.sys, service: Example}
  example-buffered: {file: build/example-buffered.sys, service: Example}
  example-fault: {file: build/example-fault.sys, service: Example}
default_driver: example-buffered
programs: [build/usedriver2.exe]
ioctls: {fault: {code: 0x22A3C0, input: [kind u32]}}
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with a lab.yaml and one scenario of two matrix points, `shared`."""
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
    root = Path(pytester.path)
    (root / "lab.yaml").write_text(LAB_YAML)
    (root / "scenarios").mkdir()
    # Hypothesis would be loaded anew in each of these small runs.
    pytester.makeini("[pytest]\naddopts = -p no:hypothesispytest\n")
    pytester.makeconftest(CONFTEST)
    add(pytester, "shared")
    return pytester


def add(project: pytest.Pytester, name: str) -> None:
    shutil.copy(RECORDINGS / f"{name}.scenario", Path(project.path) / "scenarios" / f"{name}.yaml")


def plan(project: pytest.Pytester, *lines: str) -> None:
    """What the lab does instead of playing `shared` well."""
    body = "\n".join(f"    {line}" for line in lines)
    project.makeconftest(CONFTEST.replace("def plan(lab):\n    pass", f"def plan(lab):\n{body}"))


def test_what_earlier_runs_left_is_not_collected(project: pytest.Pytester) -> None:
    left = Path(project.path) / "artifacts" / "run" / "shared"
    left.mkdir(parents=True)
    shutil.copy(RECORDINGS / "shared.scenario", left / "scenario.yaml")
    outcome = project.runpytest_inprocess("--collect-only", "-q")
    assert "scenarios/shared.yaml" in outcome.stdout.str()
    assert "artifacts" not in outcome.stdout.str()


def test_each_matrix_point_is_an_item_with_a_readable_name(project: pytest.Pytester) -> None:
    result = project.runpytest("scenarios", "--collect-only", "-q")
    result.stdout.fnmatch_lines(
        [
            "scenarios/shared.yaml::shared[[]example-direct]",
            "scenarios/shared.yaml::shared[[]example-buffered]",
            "2 tests collected*",
        ]
    )
    assert not (Path(project.path) / "brought-up").exists()


def test_passing_scenarios_say_where_their_results_are(project: pytest.Pytester) -> None:
    result = project.runpytest("scenarios", "-k", "direct")
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "*= lab (*) =*",
            "endings:   1 passed",
            f"results:   {project.path}/artifacts/*",
            f"kd log:    {project.path}/kd.jsonl",
            "the lab:   up (*s to get it); it keeps running: `lab down` ends it",
            "time:        prepare   traffic      sync     check     whole",
            "  median   *",
            "  slowest  shared*",
        ]
    )
    assert (Path(project.path) / "brought-up").read_text() == "x"


def test_a_failure_shows_step_expectation_and_kd_log_and_no_traceback(project: pytest.Pytester) -> None:
    plan(
        project,
        "played = lab._playbacks[0]",
        "wrong = [line.replace('68656c6c6f', '68656c6c21') for line in played.events]",
        "lab._playbacks = [replace(played, events=wrong)]",
    )
    result = project.runpytest("scenarios", "-k", "direct")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "shared[[]example-direct]: failed: step 4, reader: read 100 bytes: expected success, data 'hello', got *",
            "scenarios/shared.yaml:9: step 4, reader: read 100 bytes",
            "    expected: success, data 'hello'",
            "    got:      success, 5 bytes, data 'hell!'",
            "kd log of this scenario:",
            "    DriverEntry Called, example-direct",
            "artifacts: artifacts/*/shared.example-direct",
            "FAILED scenarios/shared.yaml::shared[[]example-direct] - failed: step 4, reader: read 100 bytes: *",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


@pytest.mark.parametrize(
    ("lines", "letter", "word", "summary"),
    [
        (
            ["lab._playbacks = [replace(recording('null-write'), crash='exception 0xc0000005')]"],
            "C",
            "CRASHED",
            "*- crashed: exception 0xc0000005",
        ),
        (
            [
                "played = lab._playbacks[0]",
                "lab._playbacks = [replace(played, events=played.events[:3], error=HungError('x'))]",
            ],
            "H",
            "HUNG",
            "*- hung: not returned: step 2, reader: open *",
        ),
        (
            ["lab._playbacks = [replace(lab._playbacks[0], error=GuestLostError('the VM has ended'))]"],
            "G",
            "GUEST-LOST",
            "*- guest-lost: the VM has ended",
        ),
        (
            ["lab._playbacks = [replace(lab._playbacks[0], events=['garbage'])]"],
            "I",
            "INFRASTRUCTURE",
            "*- infrastructure: the traffic program's output cannot be read: not JSON: garbage",
        ),
        (["raise InfrastructureError('no QEMU', 'install it')"], "I", "INFRASTRUCTURE", "*no QEMU"),
    ],
)
def test_endings_that_are_no_plain_failure_stand_out(
    project: pytest.Pytester, lines: list[str], letter: str, word: str, summary: str
) -> None:
    plan(project, *lines)
    result = project.runpytest("scenarios", "-k", "direct")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"scenarios/shared.yaml {letter} *", summary])
    result.stdout.no_fnmatch_line("*Traceback*")
    project.runpytest("scenarios", "-k", "direct", "-v").stdout.fnmatch_lines([f"*shared[[]example-direct] {word} *"])


def test_after_a_lost_guest_the_rest_fails_fast(project: pytest.Pytester) -> None:
    plan(
        project,
        "lab._playbacks = [replace(lab._playbacks[0], error=GuestLostError('the VM has ended'))]",
        "lab.recover_error = GuestLostError('it does not start again')",
    )
    result = project.runpytest("scenarios")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "endings:   2 guest-lost",
            "*shared[[]example-buffered]: guest-lost: the guest was lost in shared[[]example-direct] and could not be "
            "put back: it does not start again",
        ]
    )


def test_what_the_guest_lacks_is_skipped_and_said(project: pytest.Pytester) -> None:
    path = Path(project.path) / "scenarios" / "shared.yaml"
    path.write_text(path.read_text().replace("[names-below-device]", "[names-below-device, irql]"))
    result = project.runpytest("scenarios", "-rs")
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED *scenarios/shared.yaml:1: the guest lacks irql*"])


def test_a_malformed_file_is_a_collection_error_of_one_line_each(project: pytest.Pytester) -> None:
    bad = Path(project.path) / "scenarios" / "bad.yaml"
    bad.write_text("lab: 1\ndescripton: x\nsteps:\n  - a: {opn: X}\n  - a: {read: 1}\n")
    result = project.runpytest("scenarios")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        [
            "scenarios/bad.yaml:2: descripton: is not a known field here: did you mean 'description'?",
            "scenarios/bad.yaml:4: steps[[]1].a.opn: is not a known field here: did you mean 'open'?",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    assert not (Path(project.path) / "brought-up").exists()


def test_without_lab_yaml_the_error_says_what_to_do(project: pytest.Pytester) -> None:
    (Path(project.path) / "lab.yaml").unlink()
    result = project.runpytest("scenarios")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["no lab.yaml in *", "run in the repository's folders*"])


def test_other_peoples_yaml_is_left_alone(project: pytest.Pytester) -> None:
    root = Path(project.path)
    (root / "scenarios" / "notes.yaml").write_text("hello: world\n")
    (root / "scenarios" / "chemistry.yaml").write_text("lab: physics\n")
    (root / "steps").mkdir()
    (root / "steps" / "ci.yaml").write_text("steps: [{run: make}]\n")
    (root / "steps" / "binary.yaml").write_bytes(b"\xff\xfe\x00lab")
    result = project.runpytest("--collect-only", "-q")
    result.stdout.fnmatch_lines(["2 tests collected*"])


def test_a_forgotten_first_line_is_an_error_and_no_lost_test(project: pytest.Pytester) -> None:
    (Path(project.path) / "scenarios" / "forgotten.yaml").write_text("steps:\n  - a: {open: X}\n")
    result = project.runpytest("scenarios")
    result.stdout.fnmatch_lines(
        ["scenarios/forgotten.yaml:1: file: 'lab' is missing: `lab: 1`, the version of this language"]
    )


def test_scenarios_can_be_left_out_by_their_marker(project: pytest.Pytester) -> None:
    project.makepyfile("def test_plain(): pass")
    result = project.runpytest("-m", "not vm")
    result.assert_outcomes(passed=1, deselected=2)


def test_junit_results_carry_cause_and_artifacts(project: pytest.Pytester) -> None:
    plan(project, "lab._playbacks = [replace(recording('null-write'), crash='exception 0xc0000005')]")
    project.runpytest("scenarios", "-k", "direct", "--junitxml=out.xml")
    text = (Path(project.path) / "out.xml").read_text()
    assert '<property name="lab_cause" value="crashed"' in text
    assert 'message="crashed: exception 0xc0000005"' in text
    assert os.fspath(Path(project.path) / "artifacts") in text


def test_a_run_is_on_disk_as_a_whole_and_in_the_history(project: pytest.Pytester) -> None:
    plan(project, "lab._playbacks = [replace(recording('null-write'), crash='exception 0xc0000005')]")
    project.runpytest("scenarios", "--lab-seed=5", "--junitxml=out.xml")
    (run,) = (Path(project.path) / "artifacts").glob("*/")
    data = json.loads((run / "run.json").read_text())
    assert (data["seed"], data["counts"]) == (5, {"crashed": 2})
    assert '<property name="cause" value="crashed"' in (run / "junit.xml").read_text()
    assert '<property name="cause" value="crashed"' in (Path(project.path) / "out.xml").read_text()
    assert "exception 0xc0000005" in (run / "report.html").read_text()
    with Store(Path(project.path) / "artifacts" / "history.db") as store:
        assert [each.counts for each in store.runs(9)] == [data["counts"]]


def edit(project: pytest.Pytester, line: str) -> None:
    path = Path(project.path) / "scenarios" / "shared.yaml"
    path.write_text(path.read_text() + f"\n{line}\n")


def test_scenarios_are_chosen_by_their_tags(project: pytest.Pytester) -> None:
    edit(project, "tags: [smoke]")
    add(project, "null-write")
    project.makeini("[pytest]\naddopts = -p no:hypothesispytest --strict-markers\n")
    project.runpytest("scenarios", "-m", "smoke").assert_outcomes(passed=2, deselected=1)
    project.runpytest("scenarios", "-m", "not smoke", "--collect-only", "-q").stdout.fnmatch_lines(["*null-write"])


BROKEN = "lab._playbacks = [replace(recording('null-write'), crash='exception 0xc0000005')]"


def test_a_known_failure_is_expected_and_gives_its_reason(project: pytest.Pytester) -> None:
    edit(project, "known_issue: {reason: 'it loses a byte, ticket 17', until: 9999-01-01}")
    plan(project, BROKEN)
    result = project.runpytest("scenarios", "-k", "direct", "-rx")
    result.assert_outcomes(xfailed=1, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "endings:   1 crashed",
            "  shared[[]example-direct[]]: crashed, known issue until 9999-01-01: it loses a byte, ticket 17",
            "XFAIL *shared[[]example-direct[]] - known issue until 9999-01-01: it loses a byte, ticket 17",
        ]
    )


def test_a_known_failure_that_is_gone_is_pointed_out(project: pytest.Pytester) -> None:
    edit(project, "known_issue: {reason: it loses a byte, until: 9999-01-01}")
    result = project.runpytest("scenarios", "-k", "direct", "-rX")
    result.assert_outcomes(xpassed=1, deselected=1)
    result.stdout.fnmatch_lines(
        ["  shared[[]example-direct[]] passes again: take its known_issue out (scenarios/shared.yaml:*)"]
    )


def test_a_known_failure_is_known_until_its_day_only(project: pytest.Pytester) -> None:
    edit(project, "known_issue: {reason: it loses a byte, until: 2001-01-31}")
    plan(project, BROKEN)
    result = project.runpytest("scenarios", "-k", "direct")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(["known issue, over since 2001-01-31: it loses a byte"])


def test_a_known_failure_is_known_at_its_points_only(project: pytest.Pytester) -> None:
    edit(project, "known_issue: {reason: it loses a byte, until: 9999-01-01, only: {driver: example-buffered}}")
    plan(project, BROKEN)
    project.runpytest("scenarios").assert_outcomes(failed=1, xfailed=1)


def test_a_known_failure_of_the_driver_explains_none_of_the_lab(project: pytest.Pytester) -> None:
    edit(project, "known_issue: {reason: it loses a byte, until: 9999-01-01}")
    plan(project, "lab._playbacks = [replace(lab._playbacks[0], events=['garbage'])]")
    project.runpytest("scenarios", "-k", "direct").assert_outcomes(failed=1, deselected=1)


def test_a_scenario_for_another_guest_is_skipped_and_says_so(project: pytest.Pytester) -> None:
    edit(project, "guest: windows")
    result = project.runpytest("scenarios", "-rs")
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED *it is for the guest windows, and this lab has wine"])


def test_a_drawn_seed_is_told_and_can_be_given(project: pytest.Pytester) -> None:
    edit(project, "seed: random")
    plan(project, BROKEN)
    result = project.runpytest("scenarios", "-k", "direct", "--lab-seed", "1234")
    result.stdout.fnmatch_lines(["seed 1234 was drawn; the same again: pytest --lab-seed 1234"])
