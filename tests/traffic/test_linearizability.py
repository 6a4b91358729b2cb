from __future__ import annotations

import copy
import struct
import time
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.traffic.explanation import LIMIT, explain, explain_in_words
from lab.traffic.history import NEVER, Operation, Status
from lab.traffic.linearizability import Decision, Part, check
from lab.traffic.rehearsal import rehearse

from . import pipes
from .pipes import PIPE

MODEL = pipes.model()


def decision(operations: Sequence[Operation], deadline: float = 30.0) -> Decision:
    decisions = {part.decision for part in check(operations, MODEL, deadline)}
    if Decision.NOT_LINEARIZABLE in decisions:
        return Decision.NOT_LINEARIZABLE
    return Decision.UNDECIDED if Decision.UNDECIDED in decisions else Decision.LINEARIZABLE


def is_linearizable(operations: Sequence[Operation]) -> bool:
    found = decision(operations)
    assert found is not Decision.UNDECIDED
    return found is Decision.LINEARIZABLE


def failed_part(operations: Sequence[Operation]) -> Part:
    (part,) = (part for part in check(operations, MODEL) if part.decision is Decision.NOT_LINEARIZABLE)
    return part


def brute_force(operations: Sequence[Operation]) -> bool:
    """Try every order that the times allow on the simulated driver, which knows nothing of the model."""

    def search(driver: pipes.Simulated, left: list[Operation]) -> bool:
        if not any(operation.has_result for operation in left):
            return True
        for operation in left:
            if any(_precedes(other, operation) for other in left):
                continue
            others = [other for other in left if other is not operation]
            if not operation.has_result and search(driver, others):
                return True
            trial = copy.deepcopy(driver)
            result = trial.perform(operation)
            same = not operation.has_result or (result.ok, result.error, result.moved, result.data) == (
                operation.ok,
                operation.error,
                operation.moved,
                operation.data,
            )
            if same and search(trial, others):
                return True
        return False

    return search(pipes.simulated(), list(operations))


def _precedes(one: Operation, other: Operation) -> bool:
    if one.actor == other.actor:
        return one.number < other.number
    return one.t1 < other.t0


SMALL = 8
"""Bytes of the buffer, so that it is often full."""

_CALLS = st.one_of(
    st.binary(min_size=0, max_size=5).map(pipes.write),
    st.sampled_from([b"a", b"b", b"ab", b"aab"]).map(pipes.write),
    st.integers(0, 9).map(pipes.read),
    st.just(pipes.statistics()),
    st.sampled_from([1, 4, SMALL, 12]).map(lambda size: pipes.change(pipes.SET_SIZE, size)),
    st.sampled_from([0, 1]).map(lambda mode: pipes.change(pipes.SET_MODE, mode)),
)


@st.composite
def histories(draw: st.DrawFn, longest: int = 4) -> list[Operation]:
    """Up to three processes at one small name."""
    actors = draw(st.integers(1, 3))
    calls = {f"p{number}": draw(st.lists(_CALLS, min_size=1, max_size=longest)) for number in range(actors)}
    driver = pipes.simulated()
    first = [pipes.opening(), *[pipes.opening()] * (actors - 1), pipes.change(pipes.SET_SIZE, SMALL)]
    done = [replace(driver.perform(each), actor="first", t0=i, t1=i, id=f"first{i}") for i, each in enumerate(first)]
    rest = rehearse(calls, driver, Random(draw(st.integers(0, 1 << 32))))  # noqa: S311
    rest = [replace(each, t0=each.t0 + 100, t1=each.t1 + 100) for each in rest]
    return [replace(each, number=number) for number, each in enumerate([*done, *rest])]


@settings(max_examples=40, deadline=None)
@given(histories(longest=12))
def test_what_a_driver_really_did_is_always_explained(history: list[Operation]) -> None:
    assert is_linearizable(history)


@st.composite
def mutated(draw: st.DrawFn) -> list[Operation]:
    """A true history with up to two results that were not so."""
    history = draw(histories())
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(history) - 1))
        history[at] = draw(st.sampled_from(_mutants(history, at)))
    return history


def _mutants(history: list[Operation], at: int) -> list[Operation]:
    operation = history[at]
    data, moved = operation.data or b"", operation.moved or 0
    results = [replace(operation, status=Status.GONE)]
    if not any(other.actor == operation.actor for other in history[at + 1 :]):  # nobody goes on behind a pending call
        results.append(replace(operation, status=Status.PENDING, t1=NEVER))
    if operation.op == "write":
        results += [replace(operation, moved=moved + 1), replace(operation, moved=max(0, moved - 1))]
    elif operation.op == "read":
        results += [
            replace(operation, data=other, moved=len(other)) for other in (data[1:], data[:-1], data[::-1], b"")
        ]
        others = [other for other in history if other.op == "read"]
        results += [replace(operation, data=other.data, moved=other.moved) for other in others]
    elif data:
        held = int.from_bytes(data[:4], "little")
        results.append(replace(operation, data=(held + 1).to_bytes(4, "little") + data[4:]))
        results.append(replace(operation, data=max(0, held - 1).to_bytes(4, "little") + data[4:]))
    elif operation.code == pipes.SET_SIZE:
        results.append(replace(operation, ok=not operation.ok, error=170 if operation.ok else 0, moved=0))
        if not operation.ok:
            results[-1] = replace(results[-1], data=b"")
    return results


@settings(max_examples=40, deadline=None)
@given(mutated())
def test_the_search_agrees_with_trying_every_order(history: list[Operation]) -> None:
    assert is_linearizable(history) == brute_force(history)


@pytest.mark.slow
@settings(max_examples=5000, deadline=None)
@given(mutated())
def test_the_search_agrees_with_trying_every_order_again_and_again(history: list[Operation]) -> None:
    assert is_linearizable(history) == brute_force(history)


@pytest.mark.slow
def test_ten_thousand_operations_are_judged_in_seconds() -> None:
    history = pipes.traffic(10_000, 8, 4, seed=1)
    begin = time.process_time()
    assert is_linearizable(history)
    assert time.process_time() - begin < 5


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("fault", ["changed byte", "lost data", "read twice"])
def test_a_violation_in_the_middle_is_found_and_told_in_few_operations(fault: str, seed: int) -> None:
    history = pipes.traffic(4_000, 8, 4, seed)
    reads = [at for at in range(len(history) // 2, len(history)) if len(history[at].data or b"") > 10]
    at = next(at for at in reads if history[at].op == "read")
    data = history[at].data or b""
    if fault == "changed byte":
        history[at] = replace(history[at], data=bytes([data[0] ^ 1]) + data[1:])
    elif fault == "lost data":
        history[at] = replace(history[at], data=b"", moved=0)
    else:
        again = next(i for i in reads if i > at and history[i].op == "read" and history[i].path == history[at].path)
        history[again] = replace(history[again], data=data, moved=len(data))
    found = explain(failed_part(history), MODEL)
    assert 1 <= len(found.core) <= len(found.operations) <= LIMIT
    assert found.culprit in found.operations
    assert abs(found.culprit.t0 - history[at].t0) < 5_000
    core = [operation for operation in found.operations if operation.number in found.core]
    assert explain_in_words(found).count("  * ") == len(core)


def test_a_lost_update_is_told_by_what_was_written_and_read() -> None:
    history = pipes.in_turn(
        ("a", pipes.opening()),
        ("b", pipes.opening()),
        ("a", pipes.change(pipes.FAULT, pipes.LOST_UPDATE)),
        *[("a", pipes.write(f"<{number}>".encode())) for number in range(6)],
        ("b", pipes.read(100)),
    )
    assert history[-1].data == b"<0><1><2><4><5>"
    found = explain(failed_part(history), MODEL)
    told = [operation.call_text for operation in found.operations if operation.number in found.core]
    assert told == ["write 3 bytes '<3>'", "read 100"]
    assert "15 bytes '<0><1><2><4><5>'" in explain_in_words(found)


def test_a_leaked_reference_shows_in_the_statistics() -> None:
    history = pipes.in_turn(
        ("a", pipes.opening()),
        ("a", pipes.change(pipes.FAULT, pipes.REFERENCE_LEAK)),
        ("a", pipes.closing()),
        ("b", pipes.opening()),
        ("b", pipes.statistics()),
    )
    assert explain(failed_part(history), MODEL).culprit == replace(history[-1], beside=0)


def test_a_leaked_reference_shows_in_data_that_outlives_the_last_close() -> None:
    history = pipes.in_turn(
        ("a", pipes.opening()),
        ("a", pipes.change(pipes.FAULT, pipes.REFERENCE_LEAK)),
        ("a", pipes.write(b"ghost")),
        ("a", pipes.closing()),
        ("b", pipes.opening()),
        ("b", pipes.read(100)),
    )
    assert history[-1].data == b"ghost"
    assert not is_linearizable(history)


def test_names_in_any_case_are_one_and_other_names_are_others() -> None:
    history = pipes.in_turn(
        ("a", pipes.opening()),
        ("b", pipes.opening(PIPE.lower())),
        ("a", pipes.write(b"hi")),
        ("b", pipes.read(9, PIPE.lower())),
    )
    assert history[-1].data == b"hi"
    assert is_linearizable(history)
    elsewhere = [*history[:-1], replace(history[-1], path=PIPE + "2"), replace(history[1], path=PIPE + "2")]
    assert not is_linearizable(elsewhere)


def test_operations_of_one_process_keep_their_order_even_within_a_microsecond() -> None:
    history = pipes.in_turn(("a", pipes.opening()), ("a", pipes.write(b"1")), ("a", pipes.write(b"2")))
    history = [replace(operation, t0=7, t1=7) for operation in history]
    result = replace(pipes.read(2), actor="b", t0=9, t1=9, moved=2, number=3)
    assert is_linearizable([*history, replace(result, data=b"12")])
    assert not is_linearizable([*history, replace(result, data=b"21")])


@pytest.mark.parametrize(("status", "end"), [(Status.GONE, 50), (Status.PENDING, NEVER)])
@pytest.mark.parametrize(
    ("seen", "explained"), [(b"", True), (b"one", True), (b"onetwo", True), (b"two", False), (b"onet", False)]
)
def test_what_a_dead_or_stuck_process_began_may_have_happened_in_its_order(
    status: Status, end: int, seen: bytes, explained: bool
) -> None:
    history = pipes.in_turn(("a", pipes.opening()), ("b", pipes.opening()))
    lost = [pipes.write(b"one"), pipes.write(b"two")]
    history += [replace(each, actor="a", t0=30, t1=end, status=status, number=2 + i) for i, each in enumerate(lost)]
    history.append(replace(pipes.read(6), actor="b", t0=60, t1=70, moved=len(seen), data=seen, number=9))
    assert is_linearizable(history) == explained


def test_statistics_look_at_the_references_before_they_look_at_the_buffer() -> None:
    """Between the two, another process opens the name and writes."""
    opened = replace(pipes.opening(), ok=True)
    seen = struct.pack("<4IQ", 2, 4096, 1, 0, 0)
    history = [
        replace(opened, actor="a", t0=0, t1=1, number=0),
        replace(pipes.statistics(), actor="a", t0=10, t1=90, moved=24, data=seen, number=3),
        replace(opened, actor="b", t0=20, t1=30, number=1),
        replace(pipes.write(b"hi"), actor="b", t0=40, t1=50, moved=2, number=2),
    ]
    assert is_linearizable(history)
    too_late = [history[0], replace(history[1], t0=55), *history[2:]]
    assert not is_linearizable(too_late)


def test_without_time_nothing_is_claimed() -> None:
    history = pipes.traffic(4_000, 8, 1, seed=3)
    assert decision(history, deadline=0.0) is Decision.UNDECIDED


def test_many_writers_that_overlap_need_no_guessing() -> None:
    """Twelve writes in any of 479,001,600 orders, then one read."""
    history = pipes.in_turn(("r", pipes.opening()))
    writes = [pipes.write(bytes([65 + number]) * 20) for number in range(12)]
    history += [replace(each, actor=f"w{i}", t0=100, t1=200, moved=20, number=i + 1) for i, each in enumerate(writes)]
    order = list(range(12))
    Random(4).shuffle(order)  # noqa: S311
    data = b"".join(writes[number].content for number in order)
    history.append(replace(pipes.read(240), actor="r", t0=300, t1=310, moved=240, data=data, number=20))
    assert is_linearizable(history)
    history[-1] = replace(history[-1], data=data[::-1].replace(b"AA", b"AB", 1))
    assert not is_linearizable(history)
