"""How many VMs a host has room for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.machine import budget
from lab.machine.budget import Budget, measure
from lab.machine.hardware import Machine

MACHINE = Machine(memory_mb=1024, smp=1, cpu="max")


@pytest.mark.parametrize(
    ("memory", "cores", "disk", "fits"),
    [(9000, 4, 90000, 4), (3000, 4, 90000, 2), (9000, 4, 3000, 1), (900, 4, 900, 0)],
)
def test_what_there_is_least_of_decides(memory: int, cores: int, disk: int, fits: int) -> None:
    assert Budget(MACHINE, memory, cores, disk).fitting == fits


def test_too_few_cores_only_make_slow() -> None:
    room = Budget(MACHINE, 9000, 2, 90000)
    assert (room.fitting, room.lacking(4)) == (2, "")


def test_too_little_memory_is_told_with_what_it_is_enough_for() -> None:
    room = Budget(MACHINE, 3000, 2, 90000)
    assert room.lacking(4) == "4 VMs do not fit: 3000 MiB of memory are free, which is enough for 2"


def test_a_container_has_what_it_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = measure(MACHINE, tmp_path)
    assert before.cores <= len(os.sched_getaffinity(0))
    for name, text in (("memory.max", 400 << 20), ("memory.current", 100 << 20), ("cpu.max", "100000 100000")):
        (tmp_path / name).write_text(f"{text}\n")
    monkeypatch.setattr(budget, "CGROUP", tmp_path)
    room = measure(MACHINE, tmp_path / "not" / "yet")
    assert (room.memory_mb, room.cores) == (300, 1)
