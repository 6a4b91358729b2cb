from __future__ import annotations

from typing import Any

import pytest

from lab.document import FileError
from lab.yaml_file import parse_document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("null", None),
        ("", None),
        ("10", 10),
        ("-10", -10),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2020-01-02", "2020-01-02"),
        ("1.5", 1.5),
        ("1e3", 1000),
        ("1.5e0", 1.5),
        ("1.2.3", "1.2.3"),
        (".", "."),
        ("'10'", "10"),
        ('"a\\0b"', "a\0b"),
        ("=", "="),
        ("~", None),
    ],
)
def test_values_mean_what_they_look_like(text: str, value: Any) -> None:
    data = parse_document(f"key: {text}\n".encode(), "x").data
    assert data == {"key": value}
    assert type(data["key"]) is type(value)


def test_lines_of_values() -> None:
    document = parse_document(b"a:\n  b:\n  - 1\n  - c: 2\n    d: [3,\n      4]\n", "x")
    assert document.line(("a", "b", 0)) == 3
    assert document.line(("a", "b", 1, "d")) == 5
    assert document.line(("a", "b", 1, "d", 1)) == 6
    assert document.line(("a", "b", 1, "nothing", 7)) == 4
    assert document.line(()) == 1


def test_a_byte_order_mark_is_no_text() -> None:
    assert parse_document(b"\xef\xbb\xbflab: 1", "x").data == {"lab": 1}


def test_an_alias_is_the_value() -> None:
    assert parse_document(b"a: &x [1, 2]\nb: *x", "x").data == {"a": [1, 2], "b": [1, 2]}


def test_every_duplicate_is_told() -> None:
    with pytest.raises(FileError) as caught:
        parse_document(b"a: 1\na: 2\nb: {c: 1, c: 2}\n", "x")
    assert [(problem.line, problem.field) for problem in caught.value.problems] == [(2, "a"), (3, "b.c")]
