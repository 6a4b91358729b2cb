"""A bad line, a slow line, a machine that is put back to a snapshot: nothing lost, nothing twice, in order."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from .records import module_record, print_record
from .simulation import Simulation


@pytest.fixture
def clean(stub_library: Path) -> Iterator[Simulation]:
    simulation = Simulation(stub_library)
    yield simulation
    simulation.close()


@pytest.mark.parametrize("faults", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("seed", range(6))
def test_prints_survive_a_bad_line(stub_library: Path, seed: int, faults: float) -> None:
    simulation = Simulation(stub_library, seed, faults)
    lines = [b"line %d %s\n" % (i, b"b0i\xaa" * (i % 50)) for i in range(1500)]
    expected = b"".join(lines)
    waiting = deque(map(print_record, lines))

    def done() -> bool:
        with contextlib.suppress(BlockingIOError):
            while waiting:
                os.write(simulation.writing, waiting[0])
                waiting.popleft()
        return len(simulation.host.text) >= len(expected)

    simulation.run(done)
    assert bytes(simulation.host.text) == expected
    simulation.close()


@pytest.mark.parametrize("seed", range(10))
def test_module_events_survive_a_bad_line(stub_library: Path, seed: int) -> None:
    simulation = Simulation(stub_library, seed, 0.1)
    for i in range(100):
        os.write(simulation.writing, module_record(b"m%d.sys" % i, i << 16) + print_record(b"<%d>" % i))
    simulation.run(lambda: simulation.host.text.endswith(b"<99>"))
    assert bytes(simulation.host.text) == b"".join(b"<%d>" % i for i in range(100))
    names = [stop[240:-1] for stop in simulation.host.stops if stop[0] == 0x31]
    assert names == [b"m%d.sys" % i for i in range(100)]
    simulation.close()


def test_ten_restores_with_the_saved_link_state(clean: Simulation) -> None:
    """Snapshots at every millisecond of a burst: after each restore the rest arrives once."""
    for i in range(60):
        os.write(clean.writing, print_record(b"<%d>" % i))
    clean.step()
    for moment in range(10):
        for _ in range(moment):
            clean.step()
        saved, host, text = clean.target.save(), clean.host.state(), bytes(clean.host.text)
        for _ in range(5):
            clean.step()
        clean.target.restore(saved)
        clean.host.restore(host)
        clean.host.text[:] = text
        clean.lose_everything_on_the_line()
    clean.run(lambda: clean.host.text.endswith(b"<59>"))
    assert bytes(clean.host.text) == b"".join(b"<%d>" % i for i in range(60))


def test_break_in_on_a_bad_line_is_only_delayed(stub_library: Path) -> None:
    simulation = Simulation(stub_library, 5, 0.1)
    os.write(simulation.writing, b"".join(print_record(b"<%d>" % i) for i in range(50)))
    simulation.break_in()
    simulation.run(lambda: bool(simulation.host.stops))
    assert bytes(simulation.host.text) == b"".join(b"<%d>" % i for i in range(50))
    simulation.close()
