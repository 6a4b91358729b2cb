"""What the traffic program tells the kernel debugger about its steps, through the guest's own OutputDebugString."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.guest.services import TRAFFIC
from lab.kd.attribution import LONGEST, PREFIX
from lab.kd.entry import LogEntry
from lab.kd.log_reader import read_log
from lab.running import RunningLab

pytestmark = pytest.mark.vm

_SCRIPT = r"C:\lab\run\markers-test.txt"

Prints = Callable[[str], list[LogEntry]]


@pytest.fixture
def prints(lab: RunningLab) -> Iterator[Prints]:
    """Runs a script in the guest (without its first line) and gives the prints that came meanwhile."""

    def run(script: str) -> list[LogEntry]:
        lab.guest.put(f"traffic 1\n{script}".encode(), _SCRIPT)
        begin = lab.mark("markers", "begin")
        code = lab.guest.stream([TRAFFIC, "run", _SCRIPT], lambda _: None, 60)
        assert code == 0
        lab.sync(10)
        return [entry for entry in read_log(lab.kd_log, since_seq=begin) if entry.kind == "print"]

    yield run
    lab.mark(None, "end")


def told(entries: list[LogEntry]) -> list[tuple[str, str | None, str | None]]:
    markers = [json.loads(entry.text.removeprefix(PREFIX)) for entry in entries if entry.text.startswith(PREFIX)]
    return [(marker["edge"], marker["step"], marker["actor"]) for marker in markers]


def marker(entry: LogEntry) -> dict[str, Any]:
    fields: dict[str, Any] = entry.extras["marker"]
    return fields


def test_each_step_begins_and_the_last_ends(prints: Prints) -> None:
    entries = prints("markers on\nactor a\nstep 1 a 5000 sleep 0\nstep 2 - 5000 sleep 0\nstep 3 a 5000 sleep 0\n")
    assert told(entries) == [
        ("begin", "1", "a"),
        ("process", None, "a"),
        ("begin", "2", None),
        ("begin", "3", "a"),
        ("end", "3", "a"),
    ]
    assert [json.loads(entry.text.removeprefix(PREFIX)) for entry in entries] == [marker(entry) for entry in entries]
    first, process, _, *rest = entries
    assert marker(first)["pid"] == 0, "the process is yet to be started"
    assert marker(process)["pid"] > 0
    assert [marker(entry)["pid"] for entry in rest] == [marker(process)["pid"]] * 2


def test_a_block_is_one_step_and_its_processes_are_known_before(prints: Prints) -> None:
    entries = prints(
        "markers on\nactor a\nactor b\nstep 1 a 5000 sleep 0\nparallel 2 9000\nstep 2a a 5000 sleep 0\n"
        "step 2b b 5000 sleep 0\nend\nstep 3 b 5000 sleep 0\nparallel 4 5000\nstep 4a a 5000 sleep 0\nend\n"
    )
    assert told(entries) == [
        ("begin", "1", "a"),
        ("process", None, "a"),
        ("end", "1", "a"),
        ("process", None, "b"),
        ("begin", "2", None),
        ("begin", "3", "b"),
        ("end", "3", "b"),
        ("begin", "4", None),
        ("end", "4", None),
    ]


def test_names_come_as_they_are(prints: Prints) -> None:
    entries = prints('markers on\nactor w%C3%A9"%5C\nstep 1%20@x w%C3%A9"%5C 5000 sleep 0\n'.replace('"', "%22"))
    assert told(entries)[0] == ("begin", "1 @x", 'wé"\\')
    assert all("marker" in entry.extras for entry in entries)
    assert all(entry.text.isascii() for entry in entries)


def test_a_name_that_is_too_long_is_not_announced(prints: Prints) -> None:
    entries = prints(
        f"markers on\nactor {'a' * LONGEST}\nactor b\nstep 1 {'a' * LONGEST} 5000 sleep 0\nstep 2 b 5000 sleep 0\n"
    )
    assert told(entries) == [("begin", "2", "b"), ("process", None, "b"), ("end", "2", "b")]


def test_nothing_is_told_unless_the_script_wants_it(prints: Prints) -> None:
    assert told(prints("actor a\nstep 1 a 5000 sleep 0\n")) == []
