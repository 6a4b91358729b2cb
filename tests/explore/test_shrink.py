"""Cutting a case down: with a judge that answers at once."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lab.explore.case import Call, Case, Kill, Together
from lab.explore.shrink import AT_ONCE, shrink


def call(op: str, amount: int = 100, actor: int = 0) -> Call:
    return Call(actor, actor % 3, {op: amount}, handle=actor % 4)


LONG = Case(
    (
        *(call("read", 17, actor) for actor in range(4)),
        Together(tuple(call("write", 50 + at, at % 4) for at in range(12)), is_ready=False, killed=2, after_ms=3),
        Kill(3),
        *(call("read", 9, actor) for actor in (3, 1)),
        Together((call("read", 5, 1), call("write", 6, 2))),
    )
)


class Judge:
    """A case fails if three writes of more than 4 bytes come before a read."""

    def __init__(self, most: int = 1000) -> None:
        self.turns = 0
        self.most = most

    def __call__(self, cases: Sequence[Case]) -> list[bool | None]:
        self.turns += 1
        assert len(cases) <= AT_ONCE
        return [self.fails(case) for case in cases[: self.most]]

    def fails(self, case: Case) -> bool:
        kinds = [each.op for each in case.calls if each.op == "read" or each.words["write"] > 4]
        return "read" in kinds and kinds[: len(kinds) - kinds[::-1].index("read")].count("write") >= 3


def test_nothing_is_left_that_could_be_left_out() -> None:
    judge = Judge()
    small = shrink(LONG, judge, repr, 60)
    write = Call(0, 0, {"write": 5})
    assert list(small.calls) == [write, write, write, Call(0, 0, {"read": 1})]
    assert not any(isinstance(step, Kill) for step in small.steps)
    assert judge.turns < 40


def test_answers_may_be_missing() -> None:
    small = shrink(LONG, Judge(most=3), repr, 60)
    assert [(each.op, each.actor) for each in small.calls] == [("write", 0)] * 3 + [("read", 0)]


def test_it_ends_in_time_with_the_best_so_far() -> None:
    asked = 0

    def slow(cases: Sequence[Case]) -> list[bool | None]:
        nonlocal asked
        asked += 1
        time.sleep(0.05)
        return Judge()(cases[:2])

    small = shrink(LONG, slow, repr, 0.12)
    assert asked <= 3
    assert Judge().fails(small)
    assert len(list(small.calls)) < len(list(LONG.calls))


def test_what_is_small_already_is_left_alone() -> None:
    case = Case((Call(0, 0, {"read": 1}),))
    assert shrink(case, lambda cases: [False] * len(cases), repr, 60) == case
