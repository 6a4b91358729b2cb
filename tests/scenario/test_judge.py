"""Expectations on the kd log and on single results."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from lab.scenario.judge import in_words, judge
from lab.scenario.kd_slice import KdSlice
from lab.scenario.model import Scenario
from lab.scenario.observed import Observed, Recorder

Parse = Callable[[str], list[Scenario]]

LOG = "Create Called, A\nWrite Called, 5 bytes\nWrite Called, 3 bytes\nClose Called, A\n"


@pytest.fixture
def failures(parse: Parse) -> Callable[[str], list[tuple[str, str]]]:
    """What is wrong with LOG under a log expectation: (expected, got) of each failure."""

    def of(log: str) -> list[tuple[str, str]]:
        (scenario,) = parse(f"lab: 1\nisolation: none\nsteps: [{{sleep: 0s}}]\nexpect: {{log: {log}}}")
        # Split where no line ends, as the debugger's packets may be.
        pieces = [LOG[:10], LOG[10:30], LOG[30:]]
        kd = KdSlice([], [{"kind": "print", "text": piece} for piece in pieces])
        found = judge(scenario, Observed(), kd)
        return [(failure.expected, failure.got) for failure in found if failure.what == "kd log"]

    return of


@pytest.mark.parametrize(
    "log",
    [
        "{contains: Create}",
        "{contains: [Create, '/Write .*, [0-9] bytes$/', {regex: ^Close}]}",
        "{absent: [Read, /^Called/]}",
        "{count: {Called: 4, /^Write/: 2, Read: 0, Close: {min: 1}, Create: {max: 1}}}",
        "{order: [Create, Write, Write, Close]}",
        "{order: [/5 bytes/, /3 bytes/]}",
    ],
)
def test_what_holds(failures: Callable[[str], list[tuple[str, str]]], log: str) -> None:
    assert failures(log) == []


@pytest.mark.parametrize(
    ("log", "expected", "got"),
    [
        ("{contains: Read}", "contains 'Read'", "it is not there"),
        ("{contains: /^Called/}", "contains /^Called/", "it is not there"),
        ("{absent: '3 bytes'}", "does not contain '3 bytes'", "the line 'Write Called, 3 bytes'"),
        ("{count: {Write: 3}}", "contains 'Write' 3 times", "2 times"),
        ("{count: {Write: {min: 3}}}", "contains 'Write' at least 3 times", "2 times"),
        ("{count: {Called: {min: 1, max: 2}}}", "contains 'Called' 1 to 2 times", "4 times"),
        ("{order: [Close, Create]}", "contains 'Create' after 'Close'", "it comes earlier only"),
        ("{order: [Create, Read]}", "contains 'Read' after 'Create'", "it is not there"),
        ("{order: [Create, Create]}", "contains 'Create' after 'Create'", "it comes earlier only"),
        ("{order: [Read, Create]}", "contains 'Read'", "it is not there"),
    ],
)
def test_what_does_not_hold(
    failures: Callable[[str], list[tuple[str, str]]], log: str, expected: str, got: str
) -> None:
    assert failures(log) == [(expected, got)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "nothing"),
        (b"hello", "'hello'"),
        (b"hello\0", r"'hello\x00'"),
        (b"\0\0", "hex 00 00"),
        (b"\x1b[31m", "hex 1b 5b 33 31 6d"),
        (b"x" * 100, "'" + "x" * 48 + "'... (100 bytes)"),
    ],
)
def test_bytes_in_words(data: bytes, words: str) -> None:
    assert in_words(data) == words


def test_lines_for_people_are_whole_bounded_and_escaped() -> None:
    entries = [
        {"kind": "marker", "text": "begin"},
        {"kind": "print", "text": "one "},
        {"kind": "module", "text": "x.sys loaded"},
        {"kind": "print", "text": "line\n\x07" + "y" * 1000 + "\nno end"},
    ]
    lines = KdSlice([], entries).lines
    assert lines[0] == "[module] x.sys loaded"
    assert lines[1] == "one line"
    assert lines[2].startswith(r"\x07yyy")
    assert len(lines[2]) < 420
    assert lines[3] == "no end"


def test_a_slice_begins_where_the_scenarios_own_driver_is_loaded() -> None:
    entries: list[dict[str, Any]] = [
        {"kind": "print", "text": "Unload of the old one\n"},
        {"kind": "module", "text": r"\old.sys", "unload": True},
        {"kind": "module", "text": r"\other.sys", "unload": False},
        {"kind": "module", "text": "loaded", "name": r"C:\new.sys", "unload": False},
        {"kind": "print", "text": "DriverEntry\n"},
    ]
    kd = KdSlice(["a", "b", "c", "d", "e"], entries)
    assert kd.since_load("new.sys").raw == ["d", "e"]
    assert kd.since_load("new.sys").text == "DriverEntry\n"
    assert kd.since_load("none.sys") == kd


def test_a_program_that_is_waited_for_may_end_before_the_wait(parse: Parse) -> None:
    (scenario,) = parse(
        "lab: 1\nisolation: none\nactors: {user: {program: usedriver2.exe}}\n"
        "steps:\n  - user: {await: done}\n  - {wait: user, expect: {code: 0}}\n"
    )
    done = '"actor":"user","pid":5,"t0":1,"t1":2,"ok":true,"err":0,"n":0'
    recorder = Recorder(io.StringIO())
    recorder.line('{"e":"hello","v":1,"pid":4}')
    recorder.line('{"e":"exit","actor":"user","pid":5,"code":0,"t":1,"expected":false}')
    recorder.line(f'{{"e":"op","id":"1","op":"type",{done}}}')
    recorder.line(f'{{"e":"op","id":"2","op":"wait",{done},"code":0}}')
    recorder.line('{"e":"done","ok":true}')
    assert judge(scenario, recorder.observed, KdSlice()) == []
