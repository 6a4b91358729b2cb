"""From a kernel that dies under the debugger's eyes to a dump of it that the guest had no part in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kd import target as fake
from kd.kernel import Kernel
from kd.live import LiveTarget
from symbols.memory import BUILD

from lab.crash.collector import Collector
from lab.crash.host_memory import HostMemory
from lab.crash.open_dump import open_dump
from lab.crash.report import make_report
from lab.crash.scene_symbols import scene_symbols
from lab.errors import HungError, InfrastructureError
from lab.incidents import Incident, Journal, Kind, read_incidents
from lab.kd.bugcheck import Bugcheck
from lab.kd.client import KdClient

from .crashed_machine import BUGCHECK, CrashedMachine
from .debugged_machine import debugged
from .long_mode import LOAD_ADDRESS, LongModeMachine, long_mode

TEXT = "\n*** Fatal System Error: 0x{:08x}\n   (0x{:016X},0x{:016X},0x{:016X},0x{:016X})\n\n"
SIZE = 16 << 20

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LongModeMachine]:
    entered = CrashedMachine()
    entered.enter(LOAD_ADDRESS, LOAD_ADDRESS | 0x63)
    with long_mode(entered, tmp_path_factory.mktemp("machine")) as running:
        yield running


class Dying:
    """A kernel that can be made to die, its collector, and the memory of the real machine in which it lies."""

    def __init__(self, kernel: Kernel, write: Callable[[Path], None], directory: Path) -> None:
        self.directory = directory
        self.memory = HostMemory(write, directory / "memory.core", SIZE)
        far = fake.Target([])
        far.kernel = kernel
        self.kernel = kernel
        self.live = LiveTarget(far)
        self.client = KdClient(self.live.transport)
        self.client.start()
        self.collector = Collector(self.client, directory, [], Journal(directory).tell, self.memory)
        self.collector.start()

    def die(self) -> list[Incident]:
        """It says its stop code and stops; returns what was noticed, when it has gone on."""
        text = TEXT.format(BUGCHECK[0], *BUGCHECK[1]).encode()
        self.live.say(fake.print_message(text), (7, self.kernel.stop_message(0x80000003)))
        before = self.live.target.continues
        self.live.wait_until(lambda: self.live.target.continues > before)
        return list(read_incidents(self.directory))

    def close(self) -> None:
        self.collector.close()
        self.client.close()
        self.live.close()


@pytest.fixture
def dying(machine: CrashedMachine, running: LongModeMachine, tmp_path: Path) -> Iterator[Dying]:
    dying = Dying(debugged(machine, tmp_path), running.dump, tmp_path)
    yield dying
    dying.close()


def test_memory_is_taken_while_the_kernel_stands_still_and_made_a_dump_when_asked(dying: Dying) -> None:
    *_, scene, memory = dying.die()
    assert (scene.kind, scene.extras["final"], scene.extras["memory"]) == (Kind.SCENE, True, True)
    assert (memory.kind, memory.extras) == (Kind.MEMORY, {"taken": True})
    path = dying.memory.wrap(dying.directory / "memory.dmp").path
    found = open_dump(path)
    assert found.bugcheck == Bugcheck(*BUGCHECK)
    report = make_report(found, scene_symbols(found, [BUILD]))
    assert report.culprit
    assert (report.culprit.module, report.culprit.function) == ("example-fault", "Fault_Commit")
    dying.memory.forget()
    assert not (dying.directory / "memory.core").exists()


def test_of_a_target_that_is_no_nt_kernel_none_is_taken(running: LongModeMachine, tmp_path: Path) -> None:
    kernel = Kernel()
    kernel.version = kernel.version[:-8] + bytes(8)
    dying = Dying(kernel, running.dump, tmp_path)
    try:
        incidents = dying.die()
    finally:
        dying.close()
    assert [each.kind for each in incidents][-1] == Kind.SCENE
    assert incidents[-1].extras["memory"] is False
    with pytest.raises(InfrastructureError, match="was not taken"):
        dying.memory.wrap(tmp_path / "memory.dmp")


def test_a_core_that_does_not_come_in_time_is_noted_and_the_kernel_goes_on(
    machine: CrashedMachine, tmp_path: Path
) -> None:
    def never(_: Path) -> None:
        raise HungError("QEMU did not write the guest's memory within 40 s")

    dying = Dying(debugged(machine, tmp_path), never, tmp_path)
    try:
        *_, memory = dying.die()
    finally:
        dying.close()
    assert memory.extras == {"taken": False}
    assert "could not be taken: QEMU did not write" in memory.text


def test_a_disk_without_room_is_told_before_it_is_full(machine: CrashedMachine, tmp_path: Path) -> None:
    kernel = debugged(machine, tmp_path)
    dying = Dying(kernel, lambda _: None, tmp_path)
    dying.memory._size = 1 << 60
    try:
        *_, memory = dying.die()
    finally:
        dying.close()
    assert "MiB free" in memory.text


def test_a_crash_of_our_own_making_is_not_looked_at_but_its_memory_is_taken(dying: Dying) -> None:
    dying.live.wait_until(lambda: dying.live.target.idle)
    assert dying.collector.crash_now(5)
    assert [each.kind for each in dying.die()][-1] == Kind.MEMORY
    assert Kind.SCENE not in [each.kind for each in read_incidents(dying.directory)]
