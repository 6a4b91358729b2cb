"""Prints and the steps and actors that they belong to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.kd.attribution import LONGEST, PREFIX, Attribution

WRITER, READER, STRANGER = 40, 44, 52


def marker(step: str | None, actor: str | None, edge: str, pid: int = 0) -> str:
    """A marker as the traffic program writes it."""
    fields = {"step": step, "actor": actor, "pid": pid, "edge": edge}
    return PREFIX + json.dumps(fields, separators=(",", ":")) + "\n"


@pytest.fixture
def attribution() -> Attribution:
    return Attribution()


def test_a_print_in_a_step_carries_the_step_and_its_actor(attribution: Attribution) -> None:
    assert attribution.feed("before\n", None) == {}
    begin = attribution.feed(marker("2", "writer", "begin"), None)
    assert begin == {"marker": {"step": "2", "actor": "writer", "pid": 0, "edge": "begin"}}
    assert attribution.feed("Example_Create Called\n", None) == {"step": "2", "actor": "writer"}
    assert attribution.feed("in two ", None) == {"step": "2", "actor": "writer"}
    assert "marker" in attribution.feed(marker("2", "writer", "end"), None)
    assert attribution.feed("after\n", None) == {}


def test_a_step_of_the_conductor_has_no_actor(attribution: Attribution) -> None:
    attribution.feed(marker("load", None, "begin"), None)
    assert attribution.feed("DriverEntry Called\n", None) == {"step": "load"}


def test_in_a_block_the_process_says_which_actor(attribution: Attribution) -> None:
    attribution.feed(marker(None, "writer", "process", WRITER), None)
    attribution.feed(marker(None, "reader", "process", READER), None)
    attribution.feed(marker("4", None, "begin"), None)
    assert attribution.feed("w", WRITER) == {"step": "4", "actor": "writer"}
    assert attribution.feed("r", READER) == {"step": "4", "actor": "reader"}
    assert attribution.feed("?", STRANGER) == {"step": "4"}
    assert attribution.feed("?", None) == {"step": "4"}
    attribution.feed(marker("4", None, "end"), None)
    assert attribution.feed("the process ends", READER) == {"actor": "reader"}


def test_what_another_process_causes_is_not_the_steps_actors(attribution: Attribution) -> None:
    attribution.feed(marker(None, "reader", "process", READER), None)
    attribution.feed(marker("2", "writer", "begin"), None)
    assert attribution.feed("x", READER) == {"step": "2", "actor": "reader"}
    assert attribution.feed("x", STRANGER) == {"step": "2"}
    assert attribution.feed("a thread of the driver's own", 0) == {"step": "2", "actor": "writer"}


def test_a_process_id_that_is_used_again_is_the_new_actors(attribution: Attribution) -> None:
    attribution.feed(marker(None, "first", "process", WRITER), None)
    attribution.feed(marker(None, "second", "process", WRITER), None)
    assert attribution.feed("x", WRITER) == {"actor": "second"}


def test_markers_that_come_twice_or_not_at_all(attribution: Attribution) -> None:
    attribution.feed(marker("1", "a", "begin"), None)
    attribution.feed(marker("1", "a", "begin"), None)
    assert attribution.feed("x", None) == {"step": "1", "actor": "a"}
    attribution.feed(marker("2", "b", "begin"), None)  # the end of 1 was lost
    attribution.feed(marker("1", "a", "end"), None)  # and comes late
    assert attribution.feed("x", None) == {"step": "2", "actor": "b"}
    attribution.feed(marker("2", "b", "end"), None)
    attribution.feed(marker("2", "b", "end"), None)
    assert attribution.feed("x", None) == {}


def test_a_reset_forgets_step_and_processes(attribution: Attribution) -> None:
    attribution.feed(marker(None, "writer", "process", WRITER), None)
    attribution.feed(marker("1", "writer", "begin"), None)
    attribution.reset()
    assert attribution.feed("x", WRITER) == {}


@pytest.mark.parametrize(
    "text",
    [
        "\x01lab ",
        "\x01lab {}\n",
        "\x01lab []\n",
        "\x01lab null\n",
        "\x01lab {\n",
        "\x01lab " + "[" * 300 + "}\n",
        marker("1", "a", "begin")[:-1],
        marker("1", "a", "begin")[:20],
        "text before" + marker("1", "a", "begin"),
        marker("1", "a", "begin") + "text behind",
        marker("1", "a", "begin") + "text behind }\n",
        marker("1", "a", "begin") * 2,
        marker("1", "a", "middle"),
        marker(None, "a", "begin"),
        marker("", "a", "begin"),
        marker("1", "", "begin"),
        marker("1", "a", "process", 4),
        marker(None, None, "process", 4),
        marker(None, "a", "process", 0),
        marker("1", "a", "begin", -1),
        marker("1", "a", "begin", 1 << 32),
        marker("1", "\ud800", "begin"),
        marker("1", "a\x1b[2J", "begin"),
        marker("1" * LONGEST, "a", "begin"),
        '\x01lab {"step":"1","actor":"a","pid":0,"edge":"begin","more":1}\n',
        '\x01lab {"step":"1","actor":"a","pid":0}\n',
        '\x01lab {"step":1,"actor":"a","pid":0,"edge":"begin"}\n',
        '\x01lab {"step":"1","actor":"a","pid":true,"edge":"begin"}\n',
        '\x01lab {"step":"1","actor":"a","pid":1e3,"edge":"begin"}\n',
        '\x01lab {"step":"1","actor":"a","pid":NaN,"edge":"begin"}\n',
        '\x01lab {"step":"1","actor":"a","pid":0,"edge":["begin"]}\n',
    ],
)
def test_what_is_not_exactly_a_marker_is_a_print(attribution: Attribution, text: str) -> None:
    attribution.feed(marker("7", "real", "begin"), None)
    assert attribution.feed(text, None) == {"step": "7", "actor": "real"}
    assert attribution.feed("x", None) == {"step": "7", "actor": "real"}


def test_a_target_that_names_processes_for_ever_fills_no_memory(attribution: Attribution) -> None:
    for pid in range(1, 5000):
        attribution.feed(marker(None, "a", "process", pid), None)
    assert attribution.feed("x", 1) == {"actor": "a"}
    assert attribution.feed("x", 4999) == {}


names = st.sampled_from(["1", "2", "load", "3#1.2@writer1"])
actors = st.sampled_from(["writer", "reader", "a b"])
pids = st.integers(0, 6)
pieces = st.one_of(
    st.builds(marker, names, st.none() | actors, st.sampled_from(["begin", "end"]), pids),
    st.builds(marker, st.none(), actors, st.just("process"), pids),
    st.text(st.characters(max_codepoint=255), max_size=40),
    st.text(st.characters(max_codepoint=255), max_size=40).map(lambda text: PREFIX + text),
)


@given(st.lists(st.tuples(pieces, st.none() | pids)))
def test_whatever_is_printed_only_what_was_announced_is_said(prints: list[tuple[str, int | None]]) -> None:
    attribution = Attribution()
    announced: list[dict[str, Any]] = []
    for text, process in prints:
        fields = attribution.feed(text, process)
        if "marker" in fields:
            assert set(fields) == {"marker"}
            assert json.loads(text.removeprefix(PREFIX)) == fields["marker"]
            announced.append(fields["marker"])
            continue
        assert set(fields) <= {"step", "actor"}
        begun = [each["step"] for each in announced if each["edge"] == "begin"]
        assert fields.get("step") in (None, *begun[-1:])
        assert fields.get("actor") in (None, *(each["actor"] for each in announced))
        json.dumps(fields).encode("ascii")


@given(st.binary(max_size=600))
def test_no_bytes_of_a_target_do_harm(data: bytes) -> None:
    attribution = Attribution()
    attribution.feed(PREFIX + data.decode("latin-1"), None)
    attribution.feed(data.decode("latin-1"), 4)
