"""Scenarios that crash or hang the real guest: each has its cause class in time, and the next one finds a good lab."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent import futures
from pathlib import Path

import pytest
from driver_source import line_of

from lab.crash.open_dump import open_dump
from lab.crash.report import make_report
from lab.crash.scene_symbols import scene_symbols
from lab.errors import Cause
from lab.incidents import Kind, undone
from lab.machine.control import call
from lab.running import RunningLab
from lab.scenario.load import load_scenarios
from lab.scenario.session import ScenarioSession
from lab.scenario.verdict import Verdict

pytestmark = pytest.mark.vm

VERDICT_WITHIN = 10
"""Seconds after the scenario's deadline."""


@pytest.fixture
def session(lab: RunningLab, tmp_path: Path) -> ScenarioSession:
    return ScenarioSession(lambda: lab, tmp_path)


def run(session: ScenarioSession, lab: RunningLab, tmp_path: Path, steps: str, timeout: int = 30) -> Verdict:
    path = tmp_path / "scenario.yaml"
    path.write_text(f"lab: 1\ndriver: example-fault\ntimeout: {timeout}s\nsteps:\n{steps}")
    (scenario,) = load_scenarios(path, lab.config)
    return session.run(scenario)


def assert_lab_is_good(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    steps = "  - a: {open: GOOD}\n  - a: {write: hello}\n  - a: {read: 10, expect: {text: hello}}\n"
    verdict = run(session, lab, tmp_path, steps)
    assert verdict.cause is Cause.PASSED, verdict.report()


def fault(kind: int) -> str:
    return f"  - a: {{open: FAULT}}\n  - a: {{ioctl: fault, input: {{kind: {kind}}}}}\n"


def test_null_write_in_the_driver_is_a_crash(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    verdict = run(session, lab, tmp_path, fault(1))
    assert verdict.cause is Cause.CRASHED, verdict.report()
    assert "1e" in verdict.reason.lower()  # KMODE_EXCEPTION_NOT_HANDLED
    assert "c0000005" in verdict.reason.lower()
    assert_lab_is_good(session, lab, tmp_path)


def test_a_crash_leaves_report_dump_and_a_signature(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    verdict = run(session, lab, tmp_path, fault(1))
    assert verdict.artifacts
    text = (verdict.artifacts / "crash.txt").read_text()
    assert "Fault_NullWrite" in text
    line = line_of("Fault_NullWrite", "*nowhere = 1")
    assert f"fault.c:{line}" in text
    result = json.loads((verdict.artifacts / "result.json").read_text())
    assert result["signature"]["text"].startswith("KMODE_EXCEPTION_NOT_HANDLED example-fault!Fault_NullWrite")
    assert [each["kind"] for each in result["incidents"]][:3] == ["exception", "scene", "bugcheck"]
    assert {each["what"]: "file" in each for each in result["evidence"]} == {"report": True, "dump": True}
    scene = open_dump(verdict.artifacts / "crash.dmp.gz")
    assert scene.exception
    assert scene.exception.code == 0xC0000005
    report = make_report(scene, scene_symbols(scene, [lab.config.driver.file.parent, lab.image.directory / "modules"]))
    assert report.culprit
    assert (report.culprit.function, report.culprit.line) == ("Fault_NullWrite", line)
    assert lab.restored
    assert abs(lab.restored.clock_difference) < 4
    assert lab.restored.boot_id
    assert lab.restored.files


def test_a_hang_tells_who_waits_for_what(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    steps = "  - a: [{open: FAULT}, {ioctl: fault, input: {kind: 7}}, {write: hello}]\n"
    begin = time.monotonic()
    verdict = run(session, lab, tmp_path, steps, timeout=8)
    assert verdict.cause is Cause.HUNG, verdict.report()
    assert "stuck: nothing happens any more" in verdict.reason
    assert verdict.artifacts
    assert (
        json.loads((verdict.artifacts / "result.json").read_text())["hang"]["seconds_after_deadline"] < VERDICT_WITHIN
    )
    assert time.monotonic() - begin < 90
    text = (verdict.artifacts / "hang.txt").read_text()
    assert "not returned: step 1.3, a: write 5 bytes" in text
    assert "waits for mutex 0x" in text
    assert "Example_Lock (inlined) [" in text
    assert "Fault_HoldMutex" in text
    assert open_dump(verdict.artifacts / "hang.dmp.gz").threads
    assert_lab_is_good(session, lab, tmp_path)


SLOW = """
  - a: {open: FAULT}
  - a: {repeat: {times: 10000, steps: [{write: hello}]}}
"""
REPEATING = """
  - a: {open: FAULT}
  - a: {ioctl: burst, input: {count: 1000000}}
"""


@pytest.mark.parametrize(
    ("steps", "kind", "words"),
    [
        pytest.param(SLOW, "slow", "it still gets on", id="slow"),
        pytest.param(REPEATING, "repeating", "one print comes without end", id="repeating"),
        pytest.param(fault(10), "computing", "it is busy, but nothing comes of it", id="computing"),
    ],
)
def test_a_hang_says_what_the_guest_did_instead(
    session: ScenarioSession, lab: RunningLab, tmp_path: Path, steps: str, kind: str, words: str
) -> None:
    verdict = run(session, lab, tmp_path, steps, timeout=9)
    assert verdict.cause is Cause.HUNG, verdict.report()
    assert f"{kind}: {words}" in verdict.reason
    assert verdict.artifacts
    result = json.loads((verdict.artifacts / "result.json").read_text())
    assert result["hang"]["liveness"] == kind
    assert result["hang"]["seconds_after_deadline"] < VERDICT_WITHIN
    if kind == "computing":
        assert "Fault_EndlessLoop" in (verdict.artifacts / "hang.txt").read_text()
    assert_lab_is_good(session, lab, tmp_path)


def test_a_driver_host_that_was_killed_by_hand_costs_the_next_scenario_nothing(
    session: ScenarioSession, lab: RunningLab, tmp_path: Path
) -> None:
    assert_lab_is_good(session, lab, tmp_path)
    lab.guest.run(["taskkill", "/F", "/IM", "winedevice.exe"], 30)
    deadline = time.monotonic() + 20
    while not undone(lab.logs):
        assert time.monotonic() < deadline, "nobody noticed"
        time.sleep(0.2)
    assert undone(lab.logs)[0].kind == Kind.HOST_DEATH
    assert_lab_is_good(session, lab, tmp_path)


def test_a_panic_of_the_guests_kernel_is_a_crash(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    assert_lab_is_good(session, lab, tmp_path)
    steps = "  - a: {open: FAULT}\n  - a: {ioctl: fault, input: {kind: 8}}\n"
    with futures.ThreadPoolExecutor() as pool:
        ending = pool.submit(run, session, lab, tmp_path, steps, 60)
        time.sleep(4)
        call(lab.instance, "nmi")
        verdict = ending.result()
    assert verdict.cause is Cause.CRASHED, verdict.report()
    assert "panicked" in verdict.reason
    assert verdict.artifacts
    result = json.loads((verdict.artifacts / "result.json").read_text())
    kinds = [each["kind"] for each in result["incidents"]]
    assert kinds[0] == Kind.PANIC
    assert Kind.RESET in kinds, "a second after the panic it resets the machine"
    assert_lab_is_good(session, lab, tmp_path)


def test_bugcheck_gives_its_code_and_parameters(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    verdict = run(session, lab, tmp_path, fault(2))
    assert verdict.cause is Cause.CRASHED, verdict.report()
    for word in ("e2", "11111111", "44444444"):
        assert word in verdict.reason.lower()
    assert_lab_is_good(session, lab, tmp_path)


def test_request_that_is_never_completed_is_a_hang(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    begin = time.monotonic()
    verdict = run(session, lab, tmp_path, fault(8), timeout=8)
    assert verdict.cause is Cause.HUNG, verdict.report()
    assert time.monotonic() - begin < 8 + VERDICT_WITHIN + 15  # The lab is put right within this time, too.
    assert "ioctl" in verdict.report()
    assert_lab_is_good(session, lab, tmp_path)


def test_failed_expectation_is_no_crash(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    verdict = run(session, lab, tmp_path, "  - a: {open: X}\n  - a: {read: 5, expect: {bytes: 3}}\n")
    assert verdict.cause is Cause.FAILED
    report = verdict.report()
    assert "expected" in report
    assert "Example_Read Called" in report


def test_vm_that_dies_is_started_again(session: ScenarioSession, lab: RunningLab, tmp_path: Path) -> None:
    assert_lab_is_good(session, lab, tmp_path)
    with futures.ThreadPoolExecutor() as pool:
        ending = pool.submit(run, session, lab, tmp_path, fault(8), 60)
        time.sleep(4)
        os.kill(call(lab.instance, "status")["qemu_pid"], signal.SIGKILL)
        verdict = ending.result()
    assert verdict.cause is Cause.GUEST_LOST, verdict.report()
    assert "SIGKILL" in verdict.report()
    assert_lab_is_good(session, lab, tmp_path)


def test_a_guest_that_shuts_down_is_lost_and_started_again(
    session: ScenarioSession, lab: RunningLab, tmp_path: Path
) -> None:
    assert_lab_is_good(session, lab, tmp_path)
    with futures.ThreadPoolExecutor() as pool:
        ending = pool.submit(run, session, lab, tmp_path, fault(8), 60)
        time.sleep(4)
        call(lab.instance, "power-button")
        verdict = ending.result()
    assert verdict.cause is Cause.GUEST_LOST, verdict.report()
    assert "the guest shut down its machine (guest-shutdown)" in verdict.reason
    assert_lab_is_good(session, lab, tmp_path)


def test_vm_that_died_between_two_scenarios_is_started_again(
    session: ScenarioSession, lab: RunningLab, tmp_path: Path
) -> None:
    assert_lab_is_good(session, lab, tmp_path)
    os.kill(call(lab.instance, "status")["qemu_pid"], signal.SIGKILL)
    time.sleep(1)
    assert_lab_is_good(session, lab, tmp_path)


def test_run_after_a_killed_one_finds_a_good_lab(lab: RunningLab) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "scenarios", "-k"]
    with subprocess.Popen([*command, "ten-thousand"], cwd=lab.config.root, stdout=subprocess.DEVNULL) as killed:
        deadline = time.monotonic() + 60
        while not call(lab.instance, "status")["scenario"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        killed.kill()
    begin = time.monotonic()
    again = subprocess.run(
        [*command, "empty-read and buffered"], cwd=lab.config.root, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stdout
    assert "1 passed" in again.stdout
    assert time.monotonic() - begin < 30
    lab.guest.forget()


def test_second_run_at_the_same_time_is_refused(lab: RunningLab) -> None:
    with lab.instance.lock("scenarios", "a test holds it"):
        refused = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "scenarios", "-k", "empty-read and buffered"],
            cwd=lab.config.root,
            capture_output=True,
            text=True,
            check=False,
        )
    assert refused.returncode == 1
    assert f"another run of scenarios uses this lab (process {os.getpid()})" in refused.stdout
    assert "Traceback" not in refused.stdout
