"""Two endings of one scenario, held against each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.replay.outcome import Likeness, compare
from lab.replay.rate import interval, rate_text
from lab.report.record import Record
from lab.traffic.history import Operation


def ended(cause: str, **result: Any) -> Record:
    return Record(Path("d"), {"cause": cause, "reason": "", **result})


def failed(got: str, step: str = "4") -> Record:
    failure = {"step": step, "line": 8, "what": "reader: read", "expected": "5 bytes", "got": got}
    return ended("failed", reason=f"got {got}", failures=[failure])


def crashed(hash_: str, code: int = 0xC2) -> Record:
    return ended("crashed", signature={"hash": hash_, "text": f"text {hash_}"}, crash={"code": code})


def operation(step: str, moved: int) -> Operation:
    return Operation(
        step, "writer", 4, "write", "h", "p", t0=int(step), t1=int(step) + 1, argument=None, asked=5, ok=True, error=0,
        moved=moved, data=None,
    )  # fmt: skip


def test_the_same_failure_is_the_same() -> None:
    assert compare(failed("4 bytes"), failed("4 bytes")).likeness is Likeness.SAME


def test_another_failure_says_what_is_different() -> None:
    first = replace(failed("4 bytes"), operations=(operation("1", 5), operation("2", 5)))
    again = replace(failed("3 bytes"), operations=(operation("1", 5), operation("2", 4)))
    comparison = compare(first, again)
    assert comparison.likeness is Likeness.DIFFERENT
    assert str(comparison) == (
        "different: step 4, reader: read: got 3 bytes, it was step 4, reader: read: got 4 bytes; "
        "first in step 2: write 5 bytes = 4 bytes, it was write 5 bytes = 5 bytes"
    )


@pytest.mark.parametrize(
    ("first", "again", "likeness"),
    [
        (crashed("11111111"), crashed("11111111"), Likeness.SAME),
        (crashed("11111111"), crashed("22222222"), Likeness.DIFFERENT),
        (crashed("11111111"), ended("passed"), Likeness.DID_NOT_HAPPEN),
        (crashed("11111111"), failed("4 bytes"), Likeness.DIFFERENT),
        (crashed("11111111"), ended("infrastructure", reason="no disk"), Likeness.NO_RESULT),
        (ended("crashed", crash={"code": 1}), ended("crashed", crash={"code": 1}), Likeness.SAME),
        (ended("crashed", crash={"code": 1}), ended("crashed", crash={"code": 2}), Likeness.DIFFERENT),
        (ended("guest-lost"), ended("guest-lost", reason="elsewhere"), Likeness.SAME),
        (
            ended("hung", details=["not returned: step 4, faulter: ioctl (for 2046 ms)"]),
            ended("hung", details=["not returned: step 4, faulter: ioctl (for 2051 ms)"]),
            Likeness.SAME,
        ),
        (
            ended("hung", details=["not returned: step 4, faulter: ioctl (for 2046 ms)"]),
            ended("hung", details=["not returned: step 2, writer: write (for 2046 ms)"]),
            Likeness.DIFFERENT,
        ),
    ],
)
def test_endings_are_alike_by_what_they_are_recognised_by(first: Record, again: Record, likeness: Likeness) -> None:
    assert compare(first, again).likeness is likeness


def test_another_crash_names_both_signatures() -> None:
    text = str(compare(crashed("11111111"), crashed("22222222")))
    assert text == "different: signature 22222222 text 22222222, it was 11111111 text 11111111"


@pytest.mark.parametrize(
    ("count", "total", "low", "high"), [(0, 20, 0.0, 0.161), (7, 20, 0.181, 0.567), (20, 20, 0.839, 1.0)]
)
def test_the_confidence_interval_is_wilsons(count: int, total: int, low: float, high: float) -> None:
    assert [round(each, 3) for each in interval(count, total)] == [low, high]


def test_a_rate_is_told_with_its_confidence() -> None:
    assert rate_text(7, 20) == "7 of 20 (35%; 95% confidence: 18% to 57%)"
