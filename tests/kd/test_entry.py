from __future__ import annotations

import json

import pytest

from lab.kd.entry import LogEntry, parse_fields, parse_line

GOOD = {"v": 1, "seq": 4, "t": 1.5, "kind": "print", "cpu": 0, "text": "hello\n", "scenario": None}


def line(**changes: object) -> bytes:
    return json.dumps(GOOD | changes).encode() + b"\n"


def test_what_is_known_beyond_the_common_fields_is_kept() -> None:
    entry = parse_line(line(level=3, marker={"step": "1"}, base=2**64 - 1, of_a_later_writer=[1]))
    assert entry == LogEntry(
        4,
        1.5,
        "print",
        0,
        "hello\n",
        None,
        {"level": 3, "marker": {"step": "1"}, "base": 2**64 - 1, "of_a_later_writer": [1]},
    )
    assert parse_line(entry.to_json().encode()) == entry


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"{}\n",
        b"[1]\n",
        b"null\n",
        b"\xff\xfe\n",
        b'{"v":1,"seq":1,"t":17',
        b"[" * 100_000,
        line(v=2),
        line(text=7),
        line(text=None),
        line(kind=None),
        line(seq="4"),
        line(seq=True),
        line(t="now"),
        line(scenario=3),
        line(cpu="0"),
        line().replace(b'"seq": 4, ', b""),
    ],
)
def test_a_line_that_is_no_entry_is_none(wrong: bytes) -> None:
    assert parse_line(wrong) is None
    assert parse_fields(wrong) is None
