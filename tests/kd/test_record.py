"""`lab kd record` against targets behind every kind of address, with nothing of a lab around."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.cli import run
from lab.kd.log import LogEntry, read_log
from lab.kd.replay import ReplayTransport

from .recordings import RECORDINGS, needs_recordings
from .served import PlainText, Simulated, served
from .target import Target, exception_message, load_message, print_message, prompt_message

CODE = 0xFFFFF80000004321


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lab.yaml is above here."""
    monkeypatch.chdir(tmp_path)


def entries() -> list[LogEntry]:
    return list(read_log(Path("kd.jsonl")))


def printed() -> bytes:
    return "".join(entry.text for entry in entries() if entry.kind == "print").encode("latin-1")


def script() -> list[tuple[int, bytes]]:
    return [
        print_message(b"one\n"),
        load_message(b"x.sys"),
        prompt_message(b"Break, Ignore (bi)? "),
        exception_message(0xC0000005, CODE),
        print_message(b"\x00\xfftwo\n"),
    ]


@needs_recordings
@pytest.mark.parametrize(
    ("kind", "recording"),
    [(kind, RECORDINGS[0]) for kind in ("unix", "tcp", "pty", "file")] + [("file", RECORDINGS[1])],
    ids=str,
)
def test_a_real_targets_output_is_recorded_exactly(
    kind: str, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind == "file":
        assert run(["kd", "record", f"file:{recording}", "--out", "kd.jsonl"]) == 0
    else:
        source = ReplayTransport(recording)
        with served(source, kind, tmp_path) as address:
            assert run(["kd", "record", address, "--out", "kd.jsonl"]) == 0
        assert source.stops == source.continued == 33
    assert printed() == recording.with_suffix(".txt").read_bytes()
    shown = capsys.readouterr().out
    assert f"({len(printed())} bytes)" in shown
    assert f"{33 if 'amd64' in recording.stem else 32} modules loaded" in shown


def test_everything_is_shown_counted_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(Simulated(Target(script())), "tcp", tmp_path) as address:
        assert run(["kd", "record", address, "--out", "kd.jsonl", "--raw", "raw.bin"]) == 0
    assert printed() == b"one\n\x00\xfftwo\n"
    kinds = [entry.kind for entry in entries() if entry.kind != "note"]
    assert kinds == ["resync", "print", "module", "prompt", "stop", "print"]
    shown = capsys.readouterr().out
    for text in ("one", "load x.sys", "Break, Ignore", "access violation", "2 prints (10 bytes)", "1 stop", "kd.jsonl"):
        assert text in shown


def test_the_raw_bytes_play_back_to_the_same_log(tmp_path: Path) -> None:
    with served(Simulated(Target(script())), "unix", tmp_path) as address:
        assert run(["kd", "record", address, "--out", "kd.jsonl", "--raw", "raw.bin"]) == 0
    assert run(["kd", "record", "file:raw.bin", "--out", "again.jsonl"]) == 0
    first, again = (
        [(each.kind, each.text) for each in read_log(Path(name)) if each.kind != "note"]
        for name in ("kd.jsonl", "again.jsonl")
    )
    assert first == again


def test_without_being_asked_it_never_stops_the_target(tmp_path: Path) -> None:
    target = Target(script())
    with served(Simulated(target), "tcp", tmp_path) as address:
        assert run(["kd", "record", address]) == 0
    assert target.stops == 2
    assert target.break_ins == 0
    assert target.answers[0][16:] == b"i"
    assert len(list(tmp_path.glob("kd-*.jsonl"))) == 1


def test_break_in_shows_where_the_target_is_and_lets_it_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = Target([print_message(b"up\n")])
    with served(Simulated(target, ends=False), "tcp", tmp_path) as address:
        assert run(["kd", "record", address, "--out", "kd.jsonl", "--break-in", "--duration", "0.5"]) == 0
    shown = capsys.readouterr().out
    assert "build 9600, AMD64" in shown
    assert "rip 0xfffff80000001000" in shown
    assert "0.5 s are over" in shown
    assert target.stopped is None


def test_a_held_target_is_told_of_and_runs_on_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = Target([exception_message(0xC0000005, CODE), print_message(b"on\n")])
    with served(Simulated(target, ends=False), "tcp", tmp_path) as address:
        arguments = ["kd", "record", address, "--out", "kd.jsonl", "--stop-policy", "hold", "--duration", "0.5"]
        assert run(arguments) == 0
        assert target.continues == 1
    assert "the target is held" in capsys.readouterr().out
    assert next(entry for entry in entries() if entry.kind == "stop").extras["answered"] == "hold"


def test_a_target_that_prints_plain_text_is_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = b"".join(b"line %d of plain text\r\n" % i for i in range(400))
    with served(PlainText(text), "tcp", tmp_path) as address:
        assert run(["kd", "record", address, "--out", "kd.jsonl"]) == 0
    assert "".join(entry.text for entry in entries() if entry.kind == "raw").encode("latin-1") == text
    assert any("plain text" in entry.text for entry in entries() if entry.kind == "note")
    assert "400 lines of plain text" in capsys.readouterr().out


def test_a_target_that_goes_without_a_word_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(Simulated(Target()), "tcp", tmp_path) as address:
        assert run(["kd", "record", address, "--out", "kd.jsonl"]) == 6
    assert "guest-lost" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out", "--raw"])
def test_a_file_that_cannot_be_written_is_told(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(Simulated(Target([print_message(b"x")])), "tcp", tmp_path) as address:
        assert run(["kd", "record", address, option, "none/x"]) == 2
    assert "none/x" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_it_lets_the_target_run_and_sums_up(number: signal.Signals, tmp_path: Path) -> None:
    target = Target([print_message(b"up\n"), exception_message(0xC0000005, CODE)])
    with served(Simulated(target, ends=False), "tcp", tmp_path) as address:
        command = [sys.executable, "-m", "lab", "kd", "record", address, "--out", "kd.jsonl", "--stop-policy", "hold"]
        recorder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 20.0
        while not (Path("kd.jsonl").is_file() and any(entry.kind == "stop" for entry in entries())):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        recorder.send_signal(number)
        shown, _ = recorder.communicate(timeout=20.0)
        assert recorder.returncode == 0
        assert target.continues == 1
    assert "1 print (3 bytes), 1 stop" in shown
