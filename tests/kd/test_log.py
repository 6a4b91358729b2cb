from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.kd.log import KdLog, LogEntry, follow_log_entries, read_log

EVERY_BYTE = bytes(range(256)).decode("latin-1")


def test_every_byte_a_target_can_print_comes_back(tmp_path: Path) -> None:
    log = KdLog(tmp_path)
    log.write("print", 0, EVERY_BYTE, {})
    log.close()
    line = log.path.read_bytes()
    assert line.isascii()
    assert line.endswith(b"\n")
    (entry,) = read_log(log.path)
    assert entry.text == EVERY_BYTE


def test_a_line_has_the_documented_fields(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1700000000.5)
    log = KdLog(tmp_path)
    log.marker("begin", scenario='a "b"')
    log.write("print", 3, "x\n", {})
    log.write("module", 0, "load x", {"name": "x", "base": 2**63})
    log.close()
    marker, text, module = (json.loads(line) for line in log.path.read_text().splitlines())
    assert list(text) == ["v", "seq", "t", "kind", "cpu", "text", "scenario"]
    assert (marker["v"], marker["seq"], marker["kind"], marker["cpu"]) == (1, 1, "marker", None)
    assert (text["seq"], text["kind"], text["cpu"], text["text"], text["scenario"]) == (2, "print", 3, "x\n", 'a "b"')
    assert text["t"] == 1700000000.5
    assert module["base"] == 2**63
    assert [entry.to_json() for entry in read_log(log.path)] == log.path.read_text().splitlines()


def test_markers_and_notes_are_in_the_file_at_once(tmp_path: Path) -> None:
    log = KdLog(tmp_path)
    log.write("print", 0, "x", {})
    assert log.marker("m", scenario="s") == 2
    assert [entry.scenario for entry in read_log(log.path)] == [None, "s"]
    assert log.note("n", lost=True) == log.last_seq == 3
    assert next(read_log(log.path, since_seq=2)).extras == {"lost": True}
    log.close()


def test_a_log_is_gone_on_with_after_its_writer_was_killed_in_a_line(tmp_path: Path) -> None:
    log = KdLog(tmp_path)
    for number in range(1000):
        log.write("print", 0, f"{number}\n", {})
    log.close()
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + b'{"v":1,"seq":1001,"t":17')
    assert [entry.seq for entry in read_log(log.path)][-1] == 1000
    again = KdLog(tmp_path)
    assert again.note("again") == 1001
    again.close()
    assert [entry.seq for entry in read_log(log.path)] == list(range(1, 1002))


def test_a_killed_writer_leaves_whole_lines(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from lab.kd.log import KdLog\n"
        "log = KdLog(Path(sys.argv[1]))\n"
        "while True:\n"
        "    for _ in range(50): log.write('print', 0, 'x' * 500, {})\n"
        "    log.flush(); print(log.last_seq, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        promised = [int(writer.stdout.readline()) for _ in range(20)][-1]
        writer.kill()
    entries = list(read_log(tmp_path / "kd.jsonl"))
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert len(entries) >= promised


def test_a_follower_sees_lines_as_they_are_completed(tmp_path: Path) -> None:
    log = KdLog(tmp_path)
    log.note("one")
    finished = threading.Event()
    seen: list[LogEntry] = []

    def follow() -> None:
        seen.extend(follow_log_entries(log.path, poll=0.005, until=finished.is_set))

    thread = threading.Thread(target=follow)
    thread.start()
    log.note("two")
    with log.path.open("ab") as file:
        file.write(b'{"v":1,"seq":3,"t":1.0,"kind":"note",')
        file.flush()
        time.sleep(0.05)
        file.write(b'"cpu":null,"text":"three","scenario":null,"new":1}\n')
    deadline = time.monotonic() + 5
    while len(seen) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    finished.set()
    thread.join()
    assert [entry.text for entry in seen] == ["one", "two", "three"]
    log.close()


def test_the_plain_log_is_what_was_printed_with_the_rest_on_lines_of_its_own(tmp_path: Path) -> None:
    log = KdLog(tmp_path)
    for kind, text in [
        ("print", "half "),
        ("print", "line\r\n"),
        ("print", "un"),
        ("note", "a\nb"),
        ("print", "\x1b[2J\x00\x9b\n"),
    ]:
        log.write(kind, 0, text, {})
    log.close()
    assert (tmp_path / "kd.log").read_text() == "half line\nun\n--- note: a\\nb\n\\x1b[2J\\x00\\x9b\n"


def test_prints_are_in_the_file_soon_without_a_flush(tmp_path: Path) -> None:
    log = KdLog(tmp_path)
    log.write("print", 0, "x", {})
    deadline = time.monotonic() + 5.0
    while not list(read_log(log.path)):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    log.close()


def test_a_disk_that_stalls_delays_nobody_who_writes(tmp_path: Path) -> None:
    """A pipe that nobody empties: writing into it waits, as it does for a disk that is busy."""
    pipe = tmp_path / "kd.jsonl"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDWR)
    log = KdLog.at(pipe)
    begin = time.monotonic()
    while time.monotonic() < begin + 0.3:
        log.write("print", 0, "x" * 400, {})
        time.sleep(0.0005)
    begin = time.monotonic()
    sequence = log.write("print", 0, "last", {})
    assert time.monotonic() - begin < 5
    closing = threading.Thread(target=log.close)
    closing.start()
    data = b""
    while f'"seq":{sequence},'.encode() not in data or not data.endswith(b"\n"):
        data += os.read(reading, 1 << 20)
    closing.join(5.0)
    assert [json.loads(line)["seq"] for line in data.splitlines()] == list(range(1, sequence + 1))
    os.close(reading)


def test_a_full_disk_stalls_nobody_and_is_told_when_it_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = KdLog(tmp_path)
    monkeypatch.setattr("lab.kd.appender.KEEP_BYTES", 2000)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.write", full)
        for _ in range(100):
            log.write("print", 0, "x" * 50, {})
            log.flush()
    log.flush()
    log.close()
    entries = list(read_log(log.path))
    assert entries[-1].kind == "note"
    assert "entries are missing here" in entries[-1].text
    lost = int(entries[-1].text.split()[0])
    assert lost + len(entries) - 1 == 100


def test_a_missing_log_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"kd\.jsonl"):
        list(read_log(tmp_path / "kd.jsonl"))


def begins(step: str, actor: str | None) -> str:
    """The traffic program's announcement of a step."""
    return f'\x01lab {{"step":"{step}","actor":{json.dumps(actor)},"pid":0,"edge":"begin"}}\n'


def test_entries_carry_the_step_and_the_actor_that_the_target_announced(tmp_path: Path) -> None:
    log = KdLog(tmp_path)
    log.marker("begin", scenario="s")
    log.write("print", 0, "before\n", {})
    log.write("print", 0, begins("2", "writer"), {"level": 3})
    log.write("print", 0, "Write Called\n", {"component": 101, "level": 3, "process": 0})
    log.write("module", 0, "load x.sys", {"name": "x.sys"})
    log.write("stop", 0, "breakpoint", {})
    log.note("of the host's own")
    log.marker("end")
    log.write("print", 0, "after\n", {})
    log.close()
    by_text = {entry.text: entry.extras for entry in read_log(log.path)}
    origin = {"step": "2", "actor": "writer"}
    assert by_text["before\n"] == by_text["of the host's own"] == by_text["after\n"] == {}
    announced = {"step": "2", "actor": "writer", "pid": 0, "edge": "begin"}
    assert by_text[begins("2", "writer")] == {"level": 3, "marker": announced}
    assert by_text["Write Called\n"] == {"component": 101, "level": 3, "process": 0, **origin}
    assert by_text["load x.sys"] == {"name": "x.sys", **origin}
    assert by_text["breakpoint"] == origin
    assert (tmp_path / "kd.log").read_text().startswith("--- marker: begin\nbefore\nWrite Called\n")


@pytest.mark.parametrize("forget", ["resync", "restored"])
def test_a_target_that_starts_anew_is_in_no_step(tmp_path: Path, forget: str) -> None:
    log = KdLog(tmp_path)
    log.write("print", 0, begins("2", "writer"), {})
    if forget == "resync":
        log.write("resync", None, "boot", {})
    else:
        log.restored("snapshot restored")
    log.write("print", 0, "x", {})
    log.close()
    assert list(read_log(log.path))[-1].extras == {}


def test_a_log_can_be_a_file_of_any_name(tmp_path: Path) -> None:
    log = KdLog.at(tmp_path / "out.jsonl")
    log.write("print", 0, "x", {})
    log.close()
    again = KdLog.at(tmp_path / "out.jsonl")
    assert again.note("again") == 2
    again.close()
    assert [entry.text for entry in read_log(tmp_path / "out.jsonl")] == ["x", "again"]
    assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_log_can_be_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    log = KdLog.at(tmp_path / "pipe")
    assert log.note("hello") == 1
    line = os.read(reader, 1000)
    os.close(reader)
    log.close()
    assert json.loads(line)["text"] == "hello"


@pytest.mark.parametrize("where", ["missing/out.jsonl", "."])
def test_a_log_that_cannot_be_written_is_the_callers_mistake(tmp_path: Path, where: str) -> None:
    with pytest.raises(UsageError, match="cannot write the kd log") as caught:
        KdLog.at(tmp_path / where)
    assert "may be written" in caught.value.advice
