from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.traffic import data, script
from lab.traffic.script import Script, decode_token, encode_token


@pytest.mark.parametrize("module", [script, data])
def test_examples_in_the_documentation(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@given(st.binary(max_size=200))
def test_every_token_comes_back_and_is_plain(raw: bytes) -> None:
    token = encode_token(raw)
    assert decode_token(token) == raw
    assert token
    assert token.isascii()
    assert token.isprintable()
    assert " " not in token


@pytest.mark.parametrize(
    ("text", "token"),
    [("", "%"), ("%", "%25"), ("a b", "a%20b"), ("é", "%C3%A9"), ("#x", "#x"), ('"', "%22"), ("\n", "%0A")],
)
def test_tokens(text: str, token: str) -> None:
    assert encode_token(text) == token


@pytest.mark.parametrize("token", ["a%2", "%61", "a b", "%2a", "%ZZ"])
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_token(token)


def test_a_comment_cannot_begin_a_line_of_the_script() -> None:
    made = Script(1)
    made.comment("name\nstep 1 - 1 sleep 1 é")
    assert made.text.splitlines()[2:] == [r"# name step 1 - 1 sleep 1 \xe9"]


def test_blocks_do_not_nest() -> None:
    made = Script(1)
    made.parallel("1", 10)
    with pytest.raises(ValueError, match="nest"):
        made.parallel("2", 10)
