"""Every ending of a scenario: its cause class, its reason in words, and what it leaves on disk."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.debugger import Debugger, Prompt
from lab.errors import Cause, GuestLostError, HungError, InfrastructureError
from lab.scenario.model import Scenario
from lab.scenario.run import run_scenario
from lab.scenario.verdict import Verdict

from .recorded_lab import Playback, RecordedLab, recording

Recorded = Callable[[str], Scenario]
Run = Callable[..., Verdict]


@pytest.fixture
def run(tmp_path: Path, recorded: Recorded) -> Run:
    """Run a recorded scenario with a playback, by default its own."""

    def go(name: str = "shared", playback: Playback | None = None, **changes: Any) -> Verdict:
        scenario = replace(recorded(name), **changes)
        lab = RecordedLab(tmp_path, playback or own(name))
        return run_scenario(lab, scenario, tmp_path / "run")

    return go


def own(name: str) -> Playback:
    return recording("shared.example-direct" if name == "shared" else name)


def result_of(verdict: Verdict) -> dict[str, Any]:
    assert verdict.artifacts
    result: dict[str, Any] = json.loads((verdict.artifacts / "result.json").read_text())
    return result


def changed(playback: Playback, step: str, **fields: Any) -> Playback:
    """The playback with other fields in the result of one step."""
    events = [json.loads(line) for line in playback.events]
    for event in events:
        if event.get("id") == step:
            event.update(fields)
    return replace(playback, events=[json.dumps(event) for event in events])


def test_a_scenario_that_does_what_it_should(run: Run) -> None:
    verdict = run()
    assert (verdict.cause, verdict.reason, verdict.failures) == (Cause.PASSED, "", [])
    assert verdict.operations == 5
    assert set(verdict.timings) == {"prepare", "traffic", "sync", "check"}
    assert verdict.kd_lines[0].endswith("example-direct.sys")
    assert verdict.kd_lines[-1] == r"Example_Close Called, name \HELLO, references 0"


def test_what_it_leaves_on_disk(run: Run) -> None:
    verdict = run()
    assert verdict.artifacts
    assert {file.name for file in verdict.artifacts.iterdir()} == {
        "result.json",
        "script.txt",
        "events.jsonl",
        "history.jsonl",
        "kd.jsonl",
        "kd.log",
        "scenario.yaml",
    }
    result = result_of(verdict)
    assert result["cause"] == "passed"
    assert result["scenario"] == "shared[example-direct]"
    assert result["from"] == {"guest": "recorded"}
    operations = [json.loads(line) for line in (verdict.artifacts / "history.jsonl").read_text().splitlines()]
    write = next(each for each in operations if each["op"] == "write")
    assert (write["path"], write["argument"], write["moved"]) == (r"\\.\Example\HELLO", "hex:68656c6c6f", 5)
    read = next(each for each in operations if each["op"] == "read")
    assert (read["data"], read["asked"]) == ("68656c6c6f", 100)
    assert "printed before" not in (verdict.artifacts / "kd.jsonl").read_text()
    assert list(verdict.artifacts.parent.glob(".*")) == []


def test_two_runs_of_one_scenario_keep_both_results(run: Run) -> None:
    first, second = run(), run()
    assert first.artifacts
    assert second.artifacts
    assert first.artifacts != second.artifacts


def test_entries_of_the_kd_log_belong_to_the_scenario(tmp_path: Path, recorded: Recorded) -> None:
    lab = RecordedLab(tmp_path, own("shared"))
    run_scenario(lab, recorded("shared"), tmp_path / "run")
    assert lab.marks == [
        ("shared[example-direct]", "begin shared[example-direct]"),
        (None, "end shared[example-direct]"),
    ]
    assert lab.guest.commands == [[r"C:\lab\bin\traffic.exe", "run", r"C:\lab\run\scenario.traffic"]]
    assert lab.guest.files[r"C:\lab\run\scenario.traffic"].startswith(b"traffic 1\n")


def test_snapshot_isolation_puts_the_guest_back_first(tmp_path: Path, recorded: Recorded) -> None:
    from lab.scenario.model import Isolation

    lab = RecordedLab(tmp_path, own("shared"))
    run_scenario(lab, replace(recorded("shared"), isolation=Isolation.SNAPSHOT), tmp_path / "run")
    assert lab.restores == 1


def test_a_guest_that_lacks_what_is_required_skips(run: Run) -> None:
    verdict = run(requires=frozenset({"names-below-device", "time-travel", "antigravity"}))
    assert verdict.cause is Cause.SKIPPED
    assert verdict.reason == "the guest lacks antigravity, time-travel"


@pytest.mark.parametrize(
    ("step", "fields", "got"),
    [
        ("4", {"n": 4, "data": "68656c6c"}, "success, 4 bytes, data 'hell'"),
        ("4", {"n": 0, "data": ""}, "success, 0 bytes, data nothing"),
        ("4", {"n": 5, "data": "0068656c6c"}, "success, 5 bytes, data hex 00 68 65 6c 6c"),
        ("4", {"ok": False, "err": 31}, "ERROR_GEN_FAILURE (31), 5 bytes, data 'hello'"),
        ("4", {"ok": False, "err": 54321}, "error 54321, 5 bytes, data 'hello'"),
        ("4", {"gone": True, "ok": False}, "reader was no longer there"),
        ("4", {"ok": False, "err": 6, "what": "handle h is not open"}, "not done: handle h is not open"),
    ],
)
def test_a_step_that_gives_something_else(run: Run, step: str, fields: dict[str, Any], got: str) -> None:
    verdict = run(playback=changed(own("shared"), step, **fields))
    assert verdict.cause is Cause.FAILED
    failure = verdict.failures[0]
    assert (failure.step, failure.line, failure.what) == ("4", 9, "reader: read 100 bytes")
    assert failure.expected == "success, data 'hello'"
    assert failure.got == got
    assert verdict.reason == f"step 4, reader: read 100 bytes: expected success, data 'hello', got {got}"


def test_the_report_of_a_failure_has_step_expectation_and_kd_log(run: Run) -> None:
    text = run(playback=changed(own("shared"), "4", n=0, data="")).report()
    assert "shared.scenario:9: step 4, reader: read 100 bytes\n    expected: success, data 'hello'\n" in text
    assert "    got:      success, 0 bytes, data nothing\n" in text
    assert "Example_Read Called" in text
    assert "Traceback" not in text


def test_a_driver_that_does_not_load_fails_with_the_part_that_failed(run: Run) -> None:
    playback = changed(own("shared"), "load", ok=False, err=2, part="start", state="stopped")
    verdict = run(playback=playback)
    assert verdict.cause is Cause.FAILED
    assert (
        "load example-direct: expected success, got ERROR_FILE_NOT_FOUND (2), while it tried to start" in verdict.reason
    )
    assert len([failure for failure in verdict.failures if failure.step]) == 1


def test_bytes_that_nobody_read_are_missed(run: Run) -> None:
    verdict = run(playback=changed(own("shared"), "3", n=4))
    assert verdict.cause is Cause.FAILED
    last = verdict.failures[-1]
    assert last.what == r"history of \\.\Example\HELLO"
    assert last.got == "4 bytes written, 5 read: 0 lost, 1 read that were not written"


def test_an_actor_that_dies_by_itself(run: Run) -> None:
    playback = own("shared")
    died = '{"e":"exit","actor":"reader","pid":99,"code":3221225477,"t":1,"expected":false}'
    verdict = run(playback=replace(playback, events=[*playback.events[:-1], died, playback.events[-1]]))
    assert verdict.cause is Cause.FAILED
    assert verdict.failures[0].got == "ended by itself, exit code 3221225477"


def test_an_operation_cut_off_by_a_kill_of_the_scenario_is_no_failure(run: Run) -> None:
    assert run("killed").cause is Cause.PASSED


def test_a_request_that_never_comes_back_is_hung_with_the_pending_operation(run: Run) -> None:
    verdict = run("never-completed")
    assert verdict.cause is Cause.HUNG
    pending = "not returned: step 3@victim.1, victim: ioctl fault (for 2026 ms)"
    assert verdict.reason.startswith(f"{pending}; ")
    assert verdict.details[0] == pending
    assert verdict.artifacts
    assert (verdict.artifacts / "hang.txt").read_text().startswith(verdict.reason)
    hang = json.loads((verdict.artifacts / "hang.json").read_text())
    assert hang["pending"] == ["step 3@victim.1, victim: ioctl fault (for 2026 ms)"]
    assert result_of(verdict)["signature"]["text"] == "hung victim: ioctl fault"


def test_a_command_that_does_not_end_is_hung_with_the_step_it_was_at(run: Run) -> None:
    playback = own("shared")
    cut = replace(playback, events=playback.events[:4], error=HungError("did not end within 33 s"))
    verdict = run(playback=cut)
    assert verdict.cause is Cause.HUNG
    assert verdict.reason.startswith("not returned: step 3, writer: write 5 bytes 'hello'; slow: it still gets on;")


def test_a_debugger_that_does_not_answer_is_hung(run: Run) -> None:
    verdict = run(playback=replace(own("shared"), sync_error=HungError("the target does not break in")))
    assert verdict.cause is Cause.HUNG
    assert verdict.reason.startswith("the target does not break in; ")


def test_a_dead_driver_host_is_crashed_whatever_else_went_wrong(run: Run) -> None:
    playback = replace(recording("null-write"), crash="exception 0xc0000005 in example-fault.sys")
    verdict = run("null-write", playback)
    assert verdict.cause is Cause.CRASHED
    assert verdict.reason == "exception 0xc0000005 in example-fault.sys"
    hung = replace(playback, events=playback.events[:3], error=HungError("did not end"))
    assert run("null-write", hung).cause is Cause.CRASHED


HELD = "0xfffff80000001234: access violation (0xc0000005)"


def test_a_stop_that_is_held_for_a_human_is_hung_and_says_where(run: Run) -> None:
    for playback in (own("shared"), replace(own("shared"), error=GuestLostError("WinRM does not answer"))):
        verdict = run(playback=replace(playback, held=HELD))
        assert (verdict.cause, verdict.reason) == (Cause.HUNG, f"stopped at {HELD}; attach: lab kd shell")
        assert verdict.held


def test_a_bugcheck_that_is_held_is_crashed_all_the_same(run: Run) -> None:
    verdict = run(playback=replace(own("shared"), crash="bugcheck 0xd1", held=HELD))
    assert verdict.cause is Cause.CRASHED
    assert verdict.held


@pytest.mark.parametrize("hung", [None, HungError("did not end")])
def test_a_prompt_that_must_not_be_fails_the_scenario_by_name(run: Run, hung: HungError | None) -> None:
    assertion = {"kind": "prompt", "text": "Assertion failed: x > 0\nBreak, Ignore (bi)? ", "answer": "i", "step": "3"}
    playback = own("shared")
    asked = replace(playback, kd=[*playback.kd, assertion], error=hung)
    rules = Debugger((Prompt("something else", "fail"), Prompt("Break, Ignore", "fail")))
    verdict = run(playback=asked, debugger=rules)
    assert verdict.cause is Cause.FAILED
    assert "step 3, the kernel debugger's prompt: expected never asks 'Break, Ignore'" in verdict.reason
    assert "Assertion failed: x > 0" in verdict.reason
    allowed = run(playback=replace(asked, error=None), debugger=Debugger((Prompt("Assertion", "i"), *rules.prompts)))
    assert allowed.cause is Cause.PASSED


def test_the_debugger_does_as_the_scenario_says_until_its_end(tmp_path: Path, recorded: Recorded) -> None:
    settings = Debugger(stops={"exception": "hold"})
    lab = RecordedLab(tmp_path, own("shared"))
    run_scenario(lab, replace(recorded("shared"), debugger=settings), tmp_path / "run")
    assert lab.debuggers == [settings, None]


def test_a_lost_guest(run: Run) -> None:
    playback = replace(own("shared"), error=GuestLostError("the guest does not answer over WinRM", "lab up"))
    verdict = run(playback=playback)
    assert (verdict.cause, verdict.reason) == (Cause.GUEST_LOST, "the guest does not answer over WinRM")
    assert verdict.kd_lines


def test_a_mistake_of_the_lab_is_infrastructure_with_its_traceback_on_disk(run: Run) -> None:
    verdict = run(playback=replace(own("shared"), error=KeyError("no such thing")))
    assert verdict.cause is Cause.INFRASTRUCTURE
    assert verdict.reason.startswith("the lab itself failed: KeyError: 'no such thing'")
    assert verdict.artifacts
    assert "Traceback" in (verdict.artifacts / "traceback.txt").read_text()
    assert "Traceback" not in verdict.report()


HELLO = '{"e":"hello","v":1,"pid":1}'


@pytest.mark.parametrize(
    ("events", "code", "reason"),
    [
        ([], 1, "the traffic program gave up, exit code 1"),
        ([HELLO], 0, "the traffic program gave up, exit code 0"),
        (
            [HELLO, '{"e":"error","id":null,"line":3,"what":"no such \\u001b[31mop"}', '{"e":"done","ok":false}'],
            2,
            r"the traffic program gave up, exit code 2: no such \x1b[31mop",
        ),
        (["'traffic.exe' is not recognized"], 1, "the traffic program's output cannot be read: not JSON: "),
        ([HELLO, HELLO], 0, "the traffic program's output cannot be read: the greeting is not the first event"),
        (['{"e":"done","ok":true}'], 0, "the traffic program's output cannot be read: the greeting"),
        ([HELLO, '{"e":"done","ok":true}', HELLO], 0, "the traffic program's output cannot be read: an event after"),
        (['{"e":"hello","v":2,"pid":1}'], 0, "the guest's traffic program speaks version 2, the lab version 1"),
    ],
)
def test_nonsense_from_the_guest_is_infrastructure(run: Run, events: list[str], code: int, reason: str) -> None:
    verdict = run(playback=Playback(events, code=code))
    assert verdict.cause is Cause.INFRASTRUCTURE
    assert verdict.reason.startswith(reason)


def test_a_second_result_of_a_step_is_refused(run: Run) -> None:
    playback = own("shared")
    twice = replace(playback, events=[*playback.events[:3], *playback.events[2:]])
    assert "a second result of step 1" in run(playback=twice).reason


def test_hostile_text_of_the_guest_cannot_reach_the_terminal(run: Run) -> None:
    text = "\x1b]0;owned\x07" + "A" * 100_000 + "\n"
    playback = own("shared")
    verdict = run(playback=replace(playback, kd=[*playback.kd, {"kind": "print", "text": text}], events=[]))
    report = verdict.report()
    assert "\x1b" not in report
    assert len(report) < 10_000


def test_an_unknown_origin_does_not_cost_the_result(tmp_path: Path, recorded: Recorded) -> None:
    lab = RecordedLab(tmp_path, own("shared"))
    lab.attestation_error = InfrastructureError("the supervisor is gone")
    verdict = run_scenario(lab, recorded("shared"), tmp_path / "run")
    assert verdict.cause is Cause.PASSED
    assert result_of(verdict)["from"] == {"unknown": "the supervisor is gone"}


def test_an_interrupt_leaves_nothing_that_looks_finished(tmp_path: Path, recorded: Recorded) -> None:
    lab = RecordedLab(tmp_path, replace(own("shared"), error=KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run_scenario(lab, recorded("shared"), tmp_path / "run")
    assert [file.name for file in (tmp_path / "run").iterdir()] == [".shared.example-direct.partial"]
    assert lab.marks[-1] == (None, "end shared[example-direct]")


@pytest.mark.slow
def test_twenty_thousand_operations_are_judged_in_seconds(tmp_path: Path, recorded: Recorded) -> None:
    scenario = recorded("shared")
    step = scenario.steps[3]
    many = tuple(replace(step, id=f"x{i}") for i in range(20_000))
    op = json.loads(own("shared").events[4])
    events = [json.dumps(op | {"id": f"x{i}"}) for i in range(20_000)]
    playback = Playback([HELLO, *events, '{"e":"done","ok":true}'])
    begin = time.process_time()
    lab = RecordedLab(tmp_path, playback)

    big = replace(scenario, plan=many, log=(), conserved=())
    verdict = run_scenario(lab, big, tmp_path / "run")
    assert verdict.cause is Cause.PASSED
    assert time.process_time() - begin < 5
