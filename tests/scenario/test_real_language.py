"""Words of the language on the real guest, where a scenario of its own could only pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import Cause
from lab.running import RunningLab
from lab.scenario.load import load_scenarios
from lab.scenario.session import ScenarioSession
from lab.scenario.skeleton import new_scenario
from lab.scenario.verdict import Verdict

pytestmark = pytest.mark.vm


@pytest.fixture
def session(lab: RunningLab, tmp_path: Path) -> ScenarioSession:
    return ScenarioSession(lambda: lab, tmp_path)


def run(session: ScenarioSession, lab: RunningLab, tmp_path: Path, text: str) -> Verdict:
    path = tmp_path / "scenario.yaml"
    path.write_text(f"lab: 1\n{text}")
    (scenario,) = load_scenarios(path, lab.config)
    return session.run(scenario)


def test_a_new_scenario_passes(session: ScenarioSession, lab: RunningLab) -> None:
    path = new_scenario("test-of-a-new-scenario", lab.config)
    try:
        (scenario,) = load_scenarios(path, lab.config)
        verdict = session.run(scenario)
    finally:
        path.unlink()
    assert verdict.cause is Cause.PASSED, verdict.report()


def test_a_leaked_reference_is_no_clean_end(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    steps = "steps: [{a: [{open: LEAK}, {ioctl: fault, input: {kind: 6}}, close]}]\n"
    wanted = "{end: {clean: true, state: {LEAK: {get-statistics: {references: 1}}}}}"
    verdict = run(session, lab, tmp_path, f"driver: example-fault\n{steps}expect: {wanted}\n")
    assert verdict.cause is Cause.FAILED, verdict.report()
    told = [(failure.step, failure.expected, failure.got) for failure in verdict.failures]
    assert ("state.2", "success, references 1", "success, 24 bytes, references 2") in told
    assert ("", "contains 'Example_Unload Called, contexts 0'", "it is not there") in told


def test_another_crash_than_the_wanted_one_is_told(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    steps = "steps: [{a: [{open: X}, {ioctl: fault, input: {kind: 2}}]}]\n"
    text = f"driver: example-fault\n{steps}expect: {{crash: {{code: 0xE2, parameters: [1]}}}}\n"
    verdict = run(session, lab, tmp_path, text)
    assert verdict.cause is Cause.CRASHED, verdict.report()
    assert "bugcheck 0xe2 (0x1)" in verdict.reason
    text = "steps: [{a: {open: X}}]\nexpect: {crash: {code: 0xE2}}\n"
    verdict = run(session, lab, tmp_path, text)
    assert verdict.cause is Cause.FAILED, verdict.report()
    assert verdict.failures[0].got == "no crash"


def test_a_crash_in_another_function_is_told(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    steps = "steps: [{a: [{open: X}, {ioctl: fault, input: {kind: 2}}]}]\n"
    text = f"driver: example-fault\n{steps}expect: {{crash: {{code: 0xE2, function: Example_Write}}}}\n"
    verdict = run(session, lab, tmp_path, text)
    assert verdict.cause is Cause.CRASHED, verdict.report()
    assert verdict.failures[0].expected == "bugcheck 0xe2 in function Example_Write"
    assert "Fault_Commit" in verdict.failures[0].got


def test_whoever_cannot_be_another_user_skips(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    text = "actors: {a: {user: guest}}\nsteps: [{a: {open: X, expect: {error: ERROR_ACCESS_DENIED}}}]\n"
    verdict = run(session, lab, tmp_path, text)
    assert verdict.cause is Cause.SKIPPED
    assert verdict.reason == "the guest lacks other-users"


def test_a_known_failure_is_known_on_the_guest_too(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    text = "steps: [{a: {open: X}}, {a: {read: 5, expect: {bytes: 3}}}]\n"
    known = "known_issue: {reason: nothing is there, until: 9999-01-01}\n"
    verdict = run(session, lab, tmp_path, known + text)
    assert verdict.cause is Cause.FAILED
    assert verdict.is_known
