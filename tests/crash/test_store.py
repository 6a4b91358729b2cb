"""The list of crashes that runs left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.cli import run
from lab.crash.store import group_crashes
from lab.errors import UsageError


def leave(root: Path, place: str, began: float, cause: str = "crashed", **result: Any) -> None:
    directory = root / place
    directory.mkdir(parents=True)
    value = {"scenario": directory.name, "cause": cause, "began": began, "reason": "it crashed", **result}
    (directory / "result.json").write_text(json.dumps(value))


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    freed = {"hash": "11111111", "text": "BAD_POOL_CALLER/0x7 driver!Free"}
    null = {"hash": "22222222", "text": "KMODE_EXCEPTION_NOT_HANDLED driver!Null"}
    leave(tmp_path, "20260101-000000/b", 300, signature=freed)
    leave(tmp_path, "20260101-000000/a", 100, signature=freed)
    leave(tmp_path, "20260102-000000/a", 400, signature=null)
    leave(tmp_path, "20260102-000000/b", 200, signature=freed)
    leave(tmp_path, "20260102-000000/c", 500, cause="passed")
    leave(tmp_path, "20260102-000000/d", 50)
    return tmp_path


def test_crashes_are_grouped_by_signature_with_counts_and_times(artifacts: Path) -> None:
    groups = group_crashes(artifacts)
    assert [(each.hash, len(each.crashes), each.first.began, each.last.began) for each in groups] == [
        ("22222222", 1, 400, 400),
        ("11111111", 3, 100, 300),
        ("", 1, 50, 50),
    ]
    assert groups[1].scenarios == ["a", "b"]
    assert groups[1].last.directory == artifacts / "20260101-000000" / "b"


def test_the_command_shows_them(artifacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["crash", "list", str(artifacts)]) == 0
    text = capsys.readouterr().out
    assert "11111111  BAD_POOL_CALLER/0x7 driver!Free" in text
    assert "3 times, first 1970-01-01 00:01:40, last 1970-01-01 00:05:00 UTC" in text
    assert run(["crash", "list", str(artifacts), "--json"]) == 0
    groups = json.loads(capsys.readouterr().out)
    assert [(each["signature"]["hash"], each["count"]) for each in groups][1] == ("11111111", 3)


def test_results_that_are_damaged_are_passed_over(artifacts: Path) -> None:
    (artifacts / "broken").mkdir()
    (artifacts / "broken" / "result.json").write_text("[[[")
    (artifacts / "odd").mkdir()
    (artifacts / "odd" / "result.json").write_text('{"cause": "crashed", "signature": 7, "began": "x", "scenario": []}')
    assert sum(len(each.crashes) for each in group_crashes(artifacts)) == 6


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no directory"):
        group_crashes(tmp_path / "nowhere")
