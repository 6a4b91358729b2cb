"""Stuck, slow, repeating or busy with nothing: told from what a guest did in its last seconds."""

from __future__ import annotations

from dataclasses import replace

from lab.scenario.pulse import Beat, liveness


def beats(cpu: float = 0.0, disk: float = 0.0, operations: float = 0.0) -> list[Beat]:
    """Ten seconds, with so much used in each."""
    return [Beat(float(t), t * cpu, t * disk, int(t * operations)) for t in range(11)]


def test_a_guest_in_which_nothing_happens_is_stuck() -> None:
    state = liveness(beats(cpu=0.05), [(9.0, "hello\n")], 10.0)
    assert state.kind == "stuck"
    assert "in the last 5 s 0 operations and 0 prints, processor 5% busy" in state.words


def test_a_guest_that_finishes_operations_is_slow() -> None:
    state = liveness(beats(cpu=0.9, operations=3), [], 10.0)
    assert state.kind == "slow"
    assert "15 operations" in state.words


def test_a_guest_that_prints_is_slow() -> None:
    assert liveness(beats(), [(1.0, "step 1\n"), (0.5, "step 2\n")], 10.0).kind == "slow"


def test_a_guest_that_did_something_a_while_ago_is_stuck() -> None:
    assert liveness(beats(), [(4.0, "the last words\n")], 10.0).kind == "stuck"


def test_one_print_without_end_is_told_with_the_print() -> None:
    state = liveness(beats(cpu=0.9), [(n / 20, f"retry {n} at 0x{n:x}\n") for n in range(60)], 10.0)
    assert state.kind == "repeating"
    assert "'retry 0 at 0x0'" in state.words


def test_a_print_of_each_operation_is_no_repetition() -> None:
    prints = [(n / 20, "Write Called\n") for n in range(100)]
    assert liveness(beats(cpu=0.9, operations=19), prints, 10.0).kind == "slow"
    assert liveness(beats(cpu=0.9, operations=1), prints, 10.0).kind == "repeating"


def test_a_guest_that_the_host_starves_computes_all_the_same() -> None:
    starved = [replace(each, waited=each.t * 0.7) for each in beats(cpu=0.25)]
    state = liveness(starved, [], 10.0)
    assert (state.kind, "processor 83% busy" in state.words) == ("computing", True)
    assert liveness([replace(each, waited=each.t * 0.5) for each in beats(cpu=0.05)], [], 10.0).kind == "stuck"


def test_many_different_prints_are_no_repetition() -> None:
    words = ["open", "write", "read", "close"]
    assert liveness(beats(), [(n / 20, f"{words[n % 4]}\n") for n in range(60)], 10.0).kind == "slow"


def test_a_guest_that_computes_in_silence_is_busy() -> None:
    assert liveness(beats(cpu=0.97), [], 10.0).kind == "computing"
    assert liveness(beats(disk=1 << 20), [], 10.0).kind == "computing"


def test_a_guest_of_which_nothing_is_known_is_stuck() -> None:
    assert liveness([], [], 10.0).kind == "stuck"
