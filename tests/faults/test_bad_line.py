"""Prints over lines that damage one packet in a hundred, each way: all arrive, once, in order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .line import Fault
from .million import Prints

QUICK = 20_000
MANY = int(os.environ.get("FAULTY_PRINTS", "1000000"))


def run(library: Path, count: int, *, seed: int, rate: float = 0.01, kinds: tuple[Fault, ...] = tuple(Fault)) -> Prints:
    prints = Prints(library, count, seed=seed, rate=rate, kinds=kinds)
    try:
        prints.run()
    finally:
        prints.close()
    for line in (prints.joined.up, prints.joined.down):
        expected = line.packets * rate
        assert sum(line.faults.values()) == pytest.approx(expected, abs=6 * expected**0.5)
    return prints


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_prints_over_a_bad_line(stub_library: Path, seed: int) -> None:
    prints = run(stub_library, QUICK, seed=seed)
    assert all(prints.joined.up.faults.values())
    assert all(prints.joined.down.faults.values())


@pytest.mark.parametrize("kind", Fault)
def test_prints_over_a_line_that_often_does_one_thing(stub_library: Path, kind: Fault) -> None:
    run(stub_library, 3000, seed=7, rate=0.1, kinds=(kind,))


def test_prints_read_byte_by_byte(stub_library: Path) -> None:
    run(stub_library, 2000, seed=3, rate=1.0, kinds=(Fault.TRICKLE,))


def test_prints_over_a_line_that_damages_any_byte(stub_library: Path) -> None:
    """One byte in ten thousand: long packets suffer more than short ones."""
    prints = Prints(stub_library, QUICK, seed=11, rate=1e-4, per_byte=True)
    prints.run()
    prints.close()
    assert sum(prints.joined.up.faults.values()) > 50


@pytest.mark.slow
def test_a_million_prints_over_a_bad_line(stub_library: Path) -> None:
    run(stub_library, MANY, seed=2024)
