from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import InfrastructureError
from lab.traffic.events import MAX_LINE, Done, EventError, Exit, Hello, Op, Out, Pending, Timeout, parse_event

RECORDINGS = Path(__file__).parents[1] / "scenario" / "recordings"


def recorded_lines() -> list[str]:
    return [line for file in sorted(RECORDINGS.glob("*.events.jsonl")) for line in file.read_text().splitlines()]


def test_what_the_real_program_prints_is_understood() -> None:
    kinds = {type(parse_event(line)) for line in recorded_lines()}
    assert kinds == {Hello, Op, Exit, Out, Timeout, Done}


def test_an_operation() -> None:
    op = parse_event(
        '{"e":"op","id":"3","actor":"a","pid":7,"op":"read","handle":"h","t0":5,"t1":9,"ok":true,"err":0,"n":2,'
        '"data":"6869"}'
    )
    assert isinstance(op, Op)
    assert (op.id, op.actor, op.moved, op.data, op.t1 - op.t0, op.gone) == ("3", "a", 2, b"hi", 4, False)


def test_a_process_that_does_not_end_is_at_no_step() -> None:
    line = '{"e":"timeout","id":null,"pending":[{"actor":"w","id":null,"op":"end","for_ms":14806}],"what":"held"}'
    assert parse_event(line) == Timeout("", "held", (Pending("w", "", "end", 14806),))


def test_pending_operations_of_a_timeout() -> None:
    line = next(line for line in recorded_lines() if '"timeout"' in line)
    event = parse_event(line)
    assert isinstance(event, Timeout)
    assert [(item.actor, item.op) for item in event.pending] == [("victim", "ioctl")]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("", "not JSON"),
        ("Segmentation fault", "not JSON"),
        ("[1]", "not an object"),
        ("{}", "no 'e'"),
        ('{"e":"party"}', "unknown event"),
        ('{"e":5}', "'e' is not str"),
        ('{"e":"done"}', "no 'ok'"),
        ('{"e":"done","ok":1}', "'ok' is not bool"),
        ('{"e":"hello","v":1,"pid":true}', "'pid' is not int"),
        ('{"e":"hello","v":1,"pid":9223372036854775808}', "'pid' is out of range"),
        ('{"e":"hello","v":1,"pid":NaN}', "not JSON"),
        ('{"e":"out","actor":"a","t":0,"data":"6"}', "'data' is not hexadecimal"),
        ('{"e":"timeout","id":"1","pending":[5]}', "'pending' does not hold objects"),
        ('{"e":"timeout","id":"1","pending":"x"}', "'pending' is not list"),
        ("[" * 100_000, "not JSON"),
        ('{"e":"done","ok":true,"n":' + "9" * 10_000 + "}", "not JSON"),
        ("x" * (MAX_LINE + 1), f"a line of {MAX_LINE + 1} characters"),
    ],
)
def test_what_the_program_never_prints(line: str, what: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_event(line)
    assert f": {what}: " in str(caught.value)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


def test_another_version_is_told_as_such() -> None:
    with pytest.raises(InfrastructureError, match="speaks version 2, the lab version 1"):
        parse_event('{"e":"hello","v":2,"pid":1}')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(recorded_lines()), st.data())
def test_a_changed_field_is_refused_or_read_never_an_accident(line: str, data: st.DataObject) -> None:
    event = json.loads(line)
    event[data.draw(st.sampled_from(sorted(event)))] = data.draw(json_values)
    with suppress(InfrastructureError):
        parse_event(json.dumps(event))
