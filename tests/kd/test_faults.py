"""A wire that loses, damages and doubles bytes. What the protocol can mend must be mended."""

from __future__ import annotations

import pytest

from lab.kd.events import ModuleEvent, PromptEvent, StopEvent

from .target import KERNEL_BASE, Target, breakpoint_message, load_message, print_message, prompt_message
from .wire import Faults, Wire

LINES = 300


def script() -> list[tuple[int, bytes]]:
    messages = []
    for i in range(LINES):
        messages.append(print_message(b"line %d: 0000 iiii\n" % i))
        if i % 20 == 5:
            messages.append(load_message(b"m%d.sys" % i, KERNEL_BASE + i))
        if i % 50 == 17:
            messages.append(breakpoint_message(KERNEL_BASE + i))
        if i % 90 == 17:
            messages.append(prompt_message(b"Break %d? " % i))
    return messages


EXPECTED = b"".join(b"line %d: 0000 iiii\n" % i for i in range(LINES))


@pytest.mark.parametrize("seed", range(30))
def test_nothing_is_lost_or_doubled(seed: int) -> None:
    faults = Faults(drop=0.01, flip=0.01, duplicate=0.01) if seed % 2 else Faults(0.001, 0.001, 0.001, piece=40)
    wire = Wire(Target(script()), to_host=faults, to_target=faults, seed=seed)
    assert wire.run(300.0, lambda: wire.target.idle)
    assert wire.printed == EXPECTED
    assert len([event for event in wire.events if isinstance(event, ModuleEvent)]) == LINES // 20
    assert len({event.program_counter for event in wire.events if isinstance(event, StopEvent)}) == LINES // 50
    assert len([event for event in wire.events if isinstance(event, PromptEvent)]) == 4
    assert not wire.target.dropped


def test_a_single_byte_at_a_time_changes_nothing() -> None:
    wire = Wire(Target(script()), to_host=Faults(piece=1), to_target=Faults(piece=1))
    assert wire.run(300.0, lambda: wire.target.idle)
    assert wire.printed == EXPECTED
    assert wire.session.link.counters.duplicates == 0


def test_a_target_that_gave_up_goes_on_when_the_host_is_back() -> None:
    """Unavoidable: the loss of what the target itself dropped while nobody acknowledged. Nothing more is lost."""
    wire = Wire(Target(script()))
    wire.run(1.0, lambda: len(wire.printed) > 200)
    wire.connected = False
    wire.run(3.0, lambda: len(wire.target.dropped) == 1)
    wire.connected = True
    assert wire.run(60.0, lambda: wire.target.idle)
    (lost,) = wire.target.dropped
    assert wire.printed == EXPECTED or wire.printed == EXPECTED.replace(lost[1][16:], b"", 1)
    assert wire.session.link.counters.resyncs == 2
