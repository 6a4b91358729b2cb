from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.kd.log import KdLog
from lab.kd.log_reader import last_seq, read_lines_backwards, read_log

COUNT = 3000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log = KdLog(tmp_path)
    for number in range(1, COUNT + 1):
        log.write("print", 0, f"{number} {'x' * (number % 400)}\n", {})
    log.close()
    return log.path


@pytest.mark.parametrize("since", [0, 1, 2, 1000, COUNT // 2, COUNT - 1, COUNT, COUNT + 1])
def test_entries_after_a_number_are_found_wherever_they_begin(path: Path, since: int) -> None:
    assert [entry.seq for entry in read_log(path, since)] == list(range(since + 1, COUNT + 1))


def test_finding_an_entry_does_not_mind_lines_that_are_none(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    half = len(lines) // 2
    path.write_bytes(b"".join([*lines[:half], b"\n", b"garbage\n" * 9000, b'{"v":1}\n', *lines[half:]]))
    for since in (1, half - 1, half, half + 1, COUNT - 1):
        assert [entry.seq for entry in read_log(path, since)] == list(range(since + 1, COUNT + 1))


def test_backwards_the_lines_are_the_same(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    assert list(read_lines_backwards(path)) == lines[::-1]
    path.write_bytes(path.read_bytes() + b'{"v":1,"seq":3001,')
    assert list(read_lines_backwards(path)) == lines[::-1]
    assert last_seq(path) == COUNT


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"a\n", b"a", b"\n\n", b"a\nb", b"a\n\nb\n", b"x" * 600_000 + b"\ny\n"]
)
def test_backwards_small_and_odd_files_are_read_right(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd"
    path.write_bytes(content)
    whole = [line for line in content.splitlines(keepends=True) if line.endswith(b"\n")]
    assert list(read_lines_backwards(path)) == whole[::-1]


def test_the_end_is_read_without_reading_all(tmp_path: Path) -> None:
    path = tmp_path / "huge.jsonl"
    with path.open("wb") as file:
        file.truncate(1 << 40)
        file.seek(0, 2)
        file.write(b'\n{"v":1,"seq":7,"t":1.0,"kind":"note","cpu":null,"text":"last","scenario":null}\n')
    assert last_seq(path) == 7
    assert len(list(islice(read_lines_backwards(path), 1))) == 1


def test_a_missing_log_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"kd\.jsonl"):
        list(read_log(tmp_path / "kd.jsonl"))
