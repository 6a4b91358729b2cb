"""What the `target` fixture gives a test, on a kernel that has the real driver loaded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from symbols.memory import BUILD
from symbols.request import IRP

from lab.errors import CrashedError, HungError, UsageError
from lab.kd.client import KdClient
from lab.kd.debugged_target import DebuggedTarget

from . import target as fake
from .driver_kernel import DriverKernel
from .live import LiveTarget


class Setup:
    def __init__(self) -> None:
        far = fake.Target([fake.print_message(b"boot\n")])
        self.kernel = far.kernel = DriverKernel()
        self.live = LiveTarget(far)
        self.client = KdClient(self.live.transport)
        self.client.start()
        self.target = DebuggedTarget(self.client, [BUILD])

    def is_running(self) -> bool:
        return self.live.target.stopped is None and not self.kernel.breakpoints


@pytest.fixture
def setup() -> Iterator[Setup]:
    setup = Setup()
    yield setup
    setup.target.close()
    setup.live.wait_until(setup.is_running)
    setup.client.close()
    setup.live.close()


def test_a_breakpoint_by_symbol_gives_arguments_and_stack(setup: Setup) -> None:
    with setup.target.breakpoint("example-buffered!Example_Write") as hit:
        stop = hit.wait(5.0)
        assert stop.reason == "breakpoint"
        assert setup.target.arguments()[1].number == IRP
        file = setup.target.arguments().Irp.follow("Tail.Overlay.CurrentStackLocation->FileObject")
        assert file.FileName.text == "\\HELLO"
        assert file.FsContext.cast("EXAMPLE_RESOURCE").Ring.Held.number == 5
        assert setup.target.functions()[0] == "example-buffered!Example_Write"
        assert "arguments: DeviceObject = " in setup.target.report()
    assert not setup.target.stopped
    setup.live.wait_until(setup.is_running)


def test_it_stops_again_and_again(setup: Setup) -> None:
    with setup.target.breakpoint("Example_Write") as hit:
        for _ in range(3):
            hit.wait(5.0)
            setup.target.go()
    assert hit.count == 3


def test_nobody_comes(setup: Setup) -> None:
    with (
        setup.target.breakpoint("Example_Read") as hit,
        pytest.raises(HungError, match=r"nobody came to Example_Read in 0.3 s"),
    ):
        hit.wait(0.3)


def test_a_break_in_that_is_answered_late_is_passed_over(setup: Setup) -> None:
    with setup.target.breakpoint("Example_Read") as hit:
        setup.target.break_in()
        setup.target.go()
        stops = setup.live.target.stops
        with setup.live.lock:
            setup.live.target.break_ins += 1
        with pytest.raises(HungError, match="nobody came"):
            hit.wait(1.0)
        assert setup.live.target.stops > stops
        assert not setup.target.stopped


def test_a_crash_ends_the_wait(setup: Setup) -> None:
    with setup.target.breakpoint("Example_Read") as hit:
        setup.live.say(fake.exception_message(0xC0000005, setup.kernel.code, chance=0))
        with pytest.raises(CrashedError, match="exception 0xc0000005 while waiting for Example_Read"):
            hit.wait(5.0)


def test_a_stop_elsewhere_shows_the_stack(setup: Setup) -> None:
    with (
        setup.target.breakpoint("Example_Read") as reads,
        setup.target.breakpoint("Example_Write"),
        pytest.raises(UsageError, match="a stop elsewhere while waiting for Example_Read") as caught,
    ):
        reads.wait(5.0)
    assert "example-buffered!Example_Write" in str(caught.value)


def test_a_symbol_that_does_not_exist_leaves_it_running(setup: Setup) -> None:
    with pytest.raises(UsageError, match="no symbol 'Example_Wriet'"), setup.target.breakpoint("Example_Wriet"):
        pass
    assert not setup.target.stopped


def test_a_failing_test_leaves_it_running(setup: Setup) -> None:
    def fail() -> None:
        with setup.target.breakpoint("Example_Write") as hit:
            hit.wait(5.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert "00  ffffaa0000800800  example-buffered!Example_Write" in setup.target.failure
    setup.live.wait_until(setup.is_running)


def test_what_needs_a_stop_says_so(setup: Setup) -> None:
    with pytest.raises(UsageError, match="the target is running"):
        setup.target.registers()
