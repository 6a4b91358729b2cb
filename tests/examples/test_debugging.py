"""Tests that look into the driver while it runs. docs/debugger.md explains them."""

from __future__ import annotations

import pytest

from lab.debugger_fixtures import Traffic
from lab.kd.debugged_target import DebuggedTarget
from lab.kd.watch import KdWatch
from lab.running import RunningLab

pytestmark = pytest.mark.vm


@pytest.fixture(autouse=True)
def driver(lab: RunningLab) -> None:
    """Every test begins with the driver loaded anew."""
    lab.load_driver("example-buffered")


def test_what_is_written_reaches_the_driver(kd: KdWatch, traffic: Traffic) -> None:
    written = traffic(r"""
        - writer: {open: HELLO}
        - writer: {write: hello}
    """)
    assert [op.ok for op in written.wait(20)] == [True, True]
    assert kd.wait_for_print("Example_Write Called", 5) == r"Example_Write Called, name \HELLO, 5 of 5 bytes"


def test_the_dispatch_routine_gets_the_request(kd: KdWatch, target: DebuggedTarget, traffic: Traffic) -> None:
    with target.breakpoint("example-buffered!Example_Write") as hit:
        written = traffic(r"""
            - writer: {open: HELLO}
            - writer: {write: hello}
            - writer: {write: world}
        """)
        hit.wait(20)
        # The driver stands before the first instruction of Example_Write(DeviceObject, Irp).
        location = target.arguments().Irp.follow("Tail.Overlay.CurrentStackLocation")
        assert location.Parameters.Write.Length.number == 5
        assert location.FileObject.FileName.text == r"\HELLO"
        target.go()

        hit.wait(20)
        # The first write is in the buffer by now: the file's context is the resource of that name.
        file = target.evaluate("Irp->Tail.Overlay.CurrentStackLocation->FileObject")
        assert not isinstance(file, int)
        resource = file.FsContext.cast("EXAMPLE_RESOURCE")
        assert resource.Name.text == r"\HELLO"
        assert resource.References.number == 1
        assert resource.Ring.Held.number == 5
        assert target.read(resource.Ring.Data.number, 5) == b"hello"
        assert target.functions()[0] == "example-buffered!Example_Write"
    assert all(op.ok for op in written.wait(20))
    kd.wait_for_print("5 of 5 bytes", 5)
    kd.wait_for_print("5 of 5 bytes", 5)


def test_a_structure_is_changed_under_the_drivers_feet(target: DebuggedTarget, traffic: Traffic) -> None:
    with target.breakpoint("Example_Read") as hit:
        read = traffic(r"""
            - writer: {open: HELLO}
            - writer: {write: hello}
            - writer: {read: 100}
        """)
        hit.wait(20)
        resource = target.arguments().Irp.follow("Tail.Overlay.CurrentStackLocation->FileObject.FsContext")
        ring = resource.cast("EXAMPLE_RESOURCE").Ring
        target.write(ring.Data.number, b"J")
    assert read.wait(20)[-1].data == b"Jello"
