"""The report of one scenario, made from its directory."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.report.record import read_record
from lab.report.scenario_report import write_report
from lab.report.timeline import Kind, timeline_of
from lab.traffic.history import NEVER, Status
from report.left import EVIL, Page, leave, operation, printed


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    operations = [operation("1", "writer", 1000, 2000), operation("2", "reader", 3000, 9000, op="read", target="5")]
    entries = [
        printed(1, 100.0015, "Write Called\n", step="1", actor="writer"),
        printed(2, 100.0035, "Read Called\n", step="2", actor="reader"),
        printed(3, 100.005, "bugcheck 0xc2 (0x7)", kind="bugcheck", code=0xC2),
        printed(4, 100.006, "bugcheck 0xc2 (0x7)", kind="bugcheck", code=0xC2),
    ]
    directory = leave(
        tmp_path / "crashed", operations, entries, cause="crashed", reason="it crashed",
        signature={"hash": "01234567", "text": "BAD_POOL_CALLER/0x7 driver!F"},
    )  # fmt: skip
    (directory / "crash.txt").write_text("BAD_POOL_CALLER (0xC2) in driver!F file.c:3\n")
    (directory / "crash.json").write_text(json.dumps({"v": 1, "headline": "BAD_POOL_CALLER"}))
    return directory


def test_both_reports_say_what_happened_and_how_to_run_it_again(crashed: Path) -> None:
    write_report(crashed)
    for name in ("report.txt", "report.html"):
        text = (crashed / name).read_text()
        for part in ("it crashed", "BAD_POOL_CALLER (0xC2) in driver!F file.c:3", "Write Called", "lab replay "):
            assert part in text


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(crashed: Path) -> None:
    page = Page(write_report(crashed).read_text())
    assert not {"script", "iframe", "img", "link", "object", "embed", "form"} & set(page.tags)
    assert page.handlers == []
    assert all(link.startswith("#") or (crashed / link).exists() for link in page.links)


def test_the_crash_stands_amid_calls_and_prints(crashed: Path) -> None:
    timeline = timeline_of(read_record(crashed))
    told = [(row.kind, row.text) for row in timeline.rows]
    crash = told.index((Kind.TROUBLE, "bugcheck 0xc2 (0x7)"))
    assert timeline.focus == crash
    assert told.index((Kind.PRINT, "Read Called")) < crash < len(told) - 1
    assert timeline.rows[-1].kind is Kind.RETURN
    assert sum(kind is Kind.TROUBLE for kind, _ in told) == 1


def test_prints_stand_within_the_operation_that_caused_them(crashed: Path) -> None:
    rows = {row.text: row for row in timeline_of(read_record(crashed)).rows if row.kind is Kind.PRINT}
    assert 1000 < rows["Write Called"].time < 2000
    assert 3000 < rows["Read Called"].time < 9000
    assert rows["Read Called"].actor == "reader"


def test_the_log_keeps_its_order_whatever_the_clocks_say(tmp_path: Path) -> None:
    """The first print came late over the link; what is told of no operation stands behind what was before it."""
    operations = [operation("1", "writer", 1000, 2000), operation("2", "writer", 9_000_000, 9_001_000)]
    entries = [
        printed(1, 104.0, "late\n", step="1", actor="writer"),
        printed(2, 109.0, "second\n", step="2", actor="writer"),
        printed(3, 109.001, "after\n"),
    ]
    rows = timeline_of(read_record(leave(tmp_path / "d", operations, entries))).rows
    assert [row.text for row in rows if row.kind is Kind.PRINT] == ["late", "second", "after"]
    times = {row.text: row.time for row in rows}
    assert times["late"] < 2000
    assert times["after"] > 9_000_000


def test_a_step_of_which_the_crash_left_no_result_is_drawn_as_pending(tmp_path: Path) -> None:
    marker = {"step": "2", "actor": "writer", "pid": 4, "edge": "begin"}
    entries = [
        printed(1, 100.0, "announced", marker=marker),
        printed(2, 100.5, "bugcheck 0xa", kind="bugcheck", step="2", actor="writer"),
    ]
    directory = leave(tmp_path / "d", [operation("1", "writer", 0, 10)], entries, cause="crashed")
    timeline = timeline_of(read_record(directory))
    assert [(each.id, each.status) for each in timeline.lanes.operations][1] == ("2", Status.PENDING)
    assert timeline.rows[-1].kind is Kind.TROUBLE


def test_a_failure_stands_where_its_step_returned(tmp_path: Path) -> None:
    operations = [operation("1", "writer", 0, 10), operation("2", "writer", 20, 30), operation("3", "writer", 40, 50)]
    failures = [
        {"step": "2", "line": 3, "what": "writer: write", "expected": "5 bytes", "got": "4 bytes"},
        {"step": "", "line": 1, "what": "kd log", "expected": "contains 'x'", "got": "it is not there"},
    ]
    record = read_record(leave(tmp_path / "d", operations, [], failures=failures))
    timeline = timeline_of(record)
    texts = [row.text or timeline.lanes.operations[row.position].id for row in timeline.rows]
    assert texts[4].startswith("step 2, writer: write: expected 5 bytes, got 4 bytes")
    assert texts[-1].startswith("kd log: expected contains 'x'")
    assert timeline.lanes.core == {1}


def test_a_hang_ends_the_picture_with_what_did_not_return(tmp_path: Path) -> None:
    pending = operation("2", "reader", 20, NEVER, status=Status.PENDING, ok=False, moved=None)
    directory = leave(tmp_path / "d", [operation("1", "writer", 0, 10), pending], [], cause="hung", reason="not back")
    timeline = timeline_of(read_record(directory))
    assert timeline.rows[-1].text == "hung: not back"
    assert timeline.lanes.core == {1}
    assert "has not returned" in write_report(directory).read_text()


def test_what_the_lab_does_to_a_guest_that_hangs_is_no_trouble_of_its_own(tmp_path: Path) -> None:
    pending = operation("2", "writer", 20, NEVER, status=Status.PENDING, ok=False, moved=None)
    entries = [
        printed(1, 1.0, "Example_Write Called\n"),
        printed(2, 2.0, "break-in: breakpoint", kind="stop", reason="break-in"),
        printed(3, 2.1, "*** Fatal System Error: 0x000000e2\n", actor="writer"),
        printed(4, 2.2, "bugcheck 0xe2", kind="bugcheck"),
    ]
    directory = leave(tmp_path / "d", [pending], entries, cause="hung", reason="not back")
    (directory / "hang.txt").write_text("stuck: nothing happens any more\n")
    rows = timeline_of(read_record(directory)).rows
    assert [row.text for row in rows if row.kind is Kind.TROUBLE] == ["hung: not back"]
    assert [row.kind for row in rows][-4:] == [Kind.TROUBLE, Kind.EVENT, Kind.EVENT, Kind.EVENT]
    assert "stuck: nothing happens any more" in write_report(directory).read_text()


def test_what_the_guest_says_is_escaped_everywhere(tmp_path: Path) -> None:
    failures = [{"step": EVIL, "line": 1, "what": EVIL, "expected": EVIL, "got": EVIL}]
    directory = leave(
        tmp_path / "d", [operation("1", EVIL, 0, 10, path=EVIL, handle=EVIL)],
        [printed(1, 1.0, EVIL, step="1", actor=EVIL), printed(2, 1.1, EVIL, kind="bugcheck")],
        scenario=EVIL, cause=EVIL, reason=EVIL, description=EVIL, details=[EVIL], failures=failures, driver=EVIL,
        signature={"hash": EVIL, "text": EVIL}, **{"from": {EVIL: {EVIL: EVIL}}},
    )  # fmt: skip
    (directory / "crash.txt").write_text(EVIL)
    (directory / "scenario.yaml").write_text(EVIL)
    text = write_report(directory).read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert page.handlers == []
    assert "\x1b" not in text
    assert "\x1b" not in (directory / "report.txt").read_text()


@pytest.mark.slow
def test_a_long_story_is_shown_around_what_went_wrong(tmp_path: Path) -> None:
    operations = [operation(str(i), f"actor{i % 7}", i * 100, i * 100 + 90) for i in range(20_000)]
    entries = [printed(i, 1.0 + i / 1e4, f"print {i}\n", step=str(i)) for i in range(20_000)]
    entries.insert(15_000, printed(0, 2.5, "bugcheck 0xa", kind="bugcheck"))
    directory = leave(tmp_path / "d", operations, entries, cause="crashed")
    begin = time.monotonic()
    page = write_report(directory)
    assert time.monotonic() - begin < 10
    assert page.stat().st_size < 2 << 20
    timeline = timeline_of(read_record(directory))
    assert timeline.left_out > 50_000
    assert timeline.focus is not None
    assert 0 < timeline.focus < len(timeline.rows) - 1


@pytest.fixture
def damaged(crashed: Path, tmp_path: Path) -> Path:
    directory = tmp_path / "damaged"
    shutil.copytree(crashed, directory)
    return directory


@pytest.mark.parametrize("name", ["history.jsonl", "kd.jsonl", "crash.json", "crash.txt", "scenario.yaml"])
def test_what_is_damaged_or_missing_is_left_out(damaged: Path, name: str) -> None:
    (damaged / name).write_bytes(b'{"v": 2, \xff[[[[')
    write_report(damaged)
    (damaged / name).unlink()
    assert "it crashed" in write_report(damaged).read_text()


def test_a_directory_without_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no result of a scenario"):
        write_report(tmp_path)
