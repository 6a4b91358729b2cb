"""The lab's own debugger on a real process, as `lab kd shell` and tests use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.kd.client import KdClient
from lab.kd.target import Target
from lab.kd.transport import SocketTransport

from .conftest import Stub
from .debuggee import Debuggee
from .records import Writer, host_record, module_record


@pytest.fixture
def target(stub: Stub) -> Iterator[Target]:
    client = KdClient(SocketTransport(stub.line.dup()))
    client.start()
    with Target(client) as target:
        yield target
    client.close()


@pytest.fixture
def debuggee(debuggee_binary: Path, stub: Stub, target: Target) -> Iterator[Debuggee]:
    debuggee = Debuggee(debuggee_binary)
    writer = Writer(debuggee.pid, debuggee.pid)
    stub.write(host_record(writer, 0x1000), module_record(b"x.sys", debuggee.places["work"], writer=writer))
    target.break_in()
    yield debuggee
    debuggee.close()


def test_every_call_of_a_function_is_seen(target: Target, debuggee: Debuggee) -> None:
    work = debuggee.places["work"]
    ours = target.set_breakpoint(work)
    seen = []
    for _ in range(20):
        target.go()
        stop = target.wait_stop(5)
        assert stop.program_counter == work
        seen.append(target.registers()["rdi"])
    assert seen == list(range(seen[0], seen[0] + 20))
    target.clear_breakpoint(ours)
    target.go()
    debuggee.wait_calls(seen[-1])


def test_stepping_goes_through_the_code(target: Target, debuggee: Debuggee) -> None:
    target.set_breakpoint(debuggee.places["work"])
    target.go()
    counters = [target.wait_stop(5).program_counter]
    counters += [target.step().program_counter for _ in range(30)]
    assert len(set(counters)) > 5
    assert target.read(counters[-1], 4)


def test_memory_and_threads(target: Target, debuggee: Debuggee) -> None:
    at = debuggee.places["memory"]
    assert target.read_exactly(at, 6) == b"memory"
    target.write(at, b"MEMORY")
    assert target.search(at - 16, 64, b"RY of a") == at + 4
    state = target.query(at)
    assert state
    stop = target.break_in()
    assert stop.reason == "break-in"
    for processor in range(stop.change.processors):
        assert target.switch_processor(processor).processor == processor
    assert target.version().kernel_base == 0x1000


def test_crash(target: Target, debuggee: Debuggee) -> None:
    target.crash()
    stop = target.wait_stop(5)
    assert stop.reason == "bugcheck"
    assert target.read(debuggee.places["memory"], 6) == b"memory"
    target.go()
    assert debuggee.process.wait(5) == -9
