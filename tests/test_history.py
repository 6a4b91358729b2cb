"""The `lab history` command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.cli import run

LINES = [
    {"id": "1", "actor": "a", "op": "open", "t0": 1, "t1": 2},
    {"id": "2", "actor": "a", "op": "write", "t0": 3, "t1": 4, "argument": "hex:6869", "asked": 2, "moved": 2},
    {"id": "3", "actor": "a", "op": "read", "t0": 5, "t1": 6, "asked": 9, "target": "9", "moved": 2, "data": "6869"},
]
DEFAULTS = {
    "v": 2,
    "pid": 1,
    "handle": "h",
    "path": "\\\\.\\Example\\PIPE",
    "access": "rw",
    "status": "returned",
    "argument": None,
    "asked": None,
    "target": "",
    "code": None,
    "action": "",
    "implied": False,
    "ok": True,
    "error": 0,
    "moved": None,
    "data": None,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "history.jsonl"
    path.write_text("".join(json.dumps(DEFAULTS | line) + "\n" for line in LINES))
    return path


def test_a_history_is_drawn(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "show", str(file)]) == 0
    assert "╭ write 2 bytes 'hi'" in capsys.readouterr().out
    assert run(["history", "show", str(file.parent), "--steps", "3", "--name", "pipe"]) == 0
    shown = capsys.readouterr().out
    assert "read 9" in shown
    assert "write" not in shown


def test_a_history_becomes_a_picture(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "out.svg"
    assert run(["history", "show", str(file), "--svg", str(picture)]) == 0
    assert picture.read_text().count('<rect class="op"') == 3


def test_a_history_is_judged_again(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "check", str(file)]) == 0
    assert "PIPE: linearizable (3 operations" in capsys.readouterr().out
    file.write_text(file.read_text().replace('"data": "6869"', '"data": "6868"'))
    assert run(["history", "check", str(file), "--svg", str(tmp_path / "why.svg")]) == 1
    assert "step 3: read 9 -> 2 bytes 'hh'" in capsys.readouterr().out
    assert (tmp_path / "why.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("nonsense", "history.jsonl:4: no operation of a history (JSONDecodeError"),
        ("[]", "not an object"),
        ('{"v": 1}', "version 1, not 3"),
        ('{"v": 2}', "KeyError"),
        (json.dumps(DEFAULTS | LINES[0] | {"t0": "soon"}), "t0 is no number"),
        (json.dumps(DEFAULTS | LINES[0] | {"status": "odd"}), "'odd' is not a valid Status"),
        (json.dumps(DEFAULTS | LINES[0] | {"argument": "what:5"}), "no data: what:5"),
        (json.dumps(DEFAULTS | LINES[0] | {"data": "6"}), "fromhex"),
    ],
)
def test_a_line_that_is_none_is_named(file: Path, capsys: pytest.CaptureFixture[str], line: str, what: str) -> None:
    with file.open("a") as stream:
        stream.write(line + "\n")
    assert run(["history", "show", str(file)]) == 2
    assert what in capsys.readouterr().err


def test_what_is_not_there_is_told(tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "show", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert run(["history", "show", str(file), "--steps", "9..3"]) == 2
    assert "there is no step '9'" in capsys.readouterr().err
