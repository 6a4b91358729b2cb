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
        kd = KdSlice([""] * len(pieces), [{"kind": "print", "text": piece} for piece in pieces])
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
        "{pairs: {Create: Close, '/Create Called, (.*)/': '/Close Called, (.*)/'}}",
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
        ("{pairs: {Write: Close}}", "has 'Close' for every 'Write'", "none for the line 'Write Called, 3 bytes'"),
        (
            "{pairs: {Write: Read}}",
            "has 'Read' for every 'Write'",
            "none for the line 'Write Called, 5 bytes', and 1 more",
        ),
        ("{pairs: {Read: Close}}", "has 'Close' only after 'Read'", "the line 'Close Called, A'"),
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


def a_print(text: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "print", "text": text, **fields}


PARTS = [
    a_print("\x01lab begin\n", marker={"step": "1", "actor": "w1", "pid": 0, "edge": "begin"}),
    a_print("Create Called\n", step="1", actor="w1"),
    a_print("\x01lab end\n", marker={"step": "1", "actor": "w1", "pid": 0, "edge": "end"}),
    a_print("Close Called\n", actor="w1"),
    a_print("Write ", step="2.1", actor="w2"),
    a_print("Called\n", step="2.1", actor="w2"),
    a_print("Read Called\n", step="21", actor="r"),
    {"kind": "note", "text": "x"},
    a_print("Work Called\n", step="21"),
    a_print("Unload Called\n"),
]


@pytest.mark.parametrize(
    ("log", "expected", "what"),
    [
        ("{count: {Called: 6}}", None, ""),
        ("{absent: lab}", None, ""),
        ("{step: 1, count: {Called: 1}, contains: Create}", None, ""),
        ("{step: 2, contains: Write Called, count: {Called: 1}}", None, ""),
        ("{actor: w, order: [Create, Close, Write], count: {Called: 3}}", None, ""),
        ("{step: 2, actor: w2, contains: Write}", None, ""),
        ("[{step: 1, contains: Create}, {step: 2, absent: Create}]", None, ""),
        ("{step: 2, contains: Read}", "contains 'Read'", "kd log of step 2"),
        ("{step: 1, actor: w2, contains: Create}", "contains 'Create'", "kd log of step 1, w2"),
        ("[{step: 1, contains: Create}, {actor: w, absent: Close}]", "does not contain 'Close'", "kd log of w"),
    ],
)
def test_what_one_step_or_actor_printed(parse: Parse, log: str, expected: str | None, what: str) -> None:
    (scenario,) = parse(
        "lab: 1\nisolation: none\nactors: {w: {count: 2}}\nsteps: [{w1: open}, {w2: [open]}]\n"
        f"expect: {{log: {log}}}"
    )
    kd = KdSlice(["raw"] * len(PARTS), PARTS)
    found = [failure for failure in judge(scenario, Observed(), kd) if failure.what.startswith("kd log")]
    assert [(failure.expected, failure.what) for failure in found] == ([(expected, what)] if expected else [])


def test_lines_for_people_say_where_another_step_or_actor_begins() -> None:
    assert KdSlice([], PARTS).lines == [
        "[step 1, w1]",
        "Create Called",
        "[w1]",
        "Close Called",
        "[step 2.1, w2]",
        "Write Called",
        "[step 21, r]",
        "Read Called",
        "[note] x",
        "[step 21]",
        "Work Called",
        "[no step]",
        "Unload Called",
    ]


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


CALL = (
    '{{"e":"op","id":"1","actor":"a","pid":4,"op":"flush","handle":"h","t0":1000,"t1":4500,"ok":false,"err":1{more}}}'
)


@pytest.mark.parametrize(
    ("expect", "more", "expected", "got"),
    [
        ("{status: STATUS_INVALID_DEVICE_REQUEST}", ',"status":3221225488', "", ""),
        ("{error: 1, status: [STATUS_PENDING, 0xC0000010]}", ',"status":3221225488', "", ""),
        ("{error: 1, duration: {min: 3ms, max: 4ms}}", "", "", ""),
        (
            "{status: STATUS_ACCESS_DENIED}",
            ',"status":3221225488',
            "STATUS_ACCESS_DENIED (0xc0000022)",
            "ERROR_INVALID_FUNCTION (1), STATUS_INVALID_DEVICE_REQUEST (0xc0000010)",
        ),
        (
            "{status: 0xE0001234}",
            "",
            "status 0xe0001234",
            "ERROR_INVALID_FUNCTION (1), no NTSTATUS",
        ),
        (
            "{error: 1, duration: 2ms}",
            "",
            "ERROR_INVALID_FUNCTION (1), at most 2 ms",
            "ERROR_INVALID_FUNCTION (1), 3.5 ms",
        ),
        (
            "{error: 1, duration: {min: 5ms}}",
            "",
            "ERROR_INVALID_FUNCTION (1), at least 5 ms",
            "ERROR_INVALID_FUNCTION (1), 3.5 ms",
        ),
    ],
)
def test_status_and_duration_of_a_call(parse: Parse, expect: str, more: str, expected: str, got: str) -> None:
    (scenario,) = parse(f"lab: 1\nisolation: none\nsteps: [{{a: open}}, {{a: {{close: , expect: {expect}}}}}]")
    recorder = Recorder(io.StringIO())
    recorder.line('{"e":"hello","v":1,"pid":4}')
    opened = CALL.replace('"op":"flush"', '"op":"open"').replace('"ok":false,"err":1', '"ok":true,"err":0')
    recorder.line(opened.format(more=""))
    recorder.line(CALL.replace('"id":"1"', '"id":"2"').format(more=more))
    found = [(failure.expected, failure.got) for failure in judge(scenario, recorder.observed, KdSlice())]
    assert found == ([(expected, got)] if expected else [])
