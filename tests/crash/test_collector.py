"""A crash is looked into while the target stands still, whoever the target is, and whatever it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kd import target as fake
from kd.kernel import Kernel
from kd.live import LiveTarget

from lab.crash.collector import Collector
from lab.crash.kept_scene import load_scene
from lab.incidents import Journal, Kind, read_incidents
from lab.kd.bugcheck import Bugcheck
from lab.kd.client import KdClient
from lab.kd.manipulate import Api

BUGCHECK_TEXT = (
    b"\n*** Fatal System Error: 0x000000d1\n"
    b"   (0x0000000000000001,0x0000000000000002,0x0000000000000003,0x0000000000000004)\n\n"
)


@dataclass
class Setup:
    """A target that runs, and the collector on its link."""

    kernel: Kernel
    live: LiveTarget
    client: KdClient
    directory: Path

    def kinds(self) -> list[str]:
        return [each.kind for each in read_incidents(self.directory)]

    def crash(self) -> None:
        """It says its stop code and stops, as a kernel does; returns when it has gone on."""
        self.live.say(
            fake.print_message(BUGCHECK_TEXT),
            (7, self.kernel.stop_message(0x80000003)),
            fake.print_message(b"afterwards\n"),
        )
        self.live.wait_until(lambda: self.kinds()[-1:] == [Kind.SCENE] and self.live.target.continues == 1)


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    kernel = Kernel()
    far = fake.Target([fake.print_message(b"boot\n")])
    far.kernel = kernel
    live = LiveTarget(far)
    client = KdClient(live.transport)
    client.start()
    collector = Collector(client, tmp_path, [], Journal(tmp_path).tell)
    collector.start()
    yield Setup(kernel, live, client, tmp_path)
    collector.close()
    client.close()
    live.close()


def test_a_crash_leaves_incidents_and_a_scene_and_the_target_goes_on(setup: Setup) -> None:
    setup.kernel.map(setup.kernel.data + 0x40, b"on the stack")
    setup.crash()
    assert setup.kinds() == [Kind.BUGCHECK, Kind.BUGCHECK_STOP, Kind.SCENE]
    scene = load_scene(setup.directory / "crash-1.scene.json.gz")
    assert scene.bugcheck == Bugcheck(0xD1, (1, 2, 3, 4))
    assert [each.faulting for each in scene.threads] == [True, False]
    assert scene.threads[0].registers["rip"] == setup.kernel.code
    assert scene.memory.read(setup.kernel.data + 0x40, 12) == b"on the stack"


def test_what_the_target_refuses_is_noted(setup: Setup) -> None:
    setup.kernel.refused = {Api.GET_CONTEXT, Api.READ_VIRTUAL}
    setup.crash()
    scene = load_scene(setup.directory / "crash-1.scene.json.gz")
    assert scene.bugcheck == Bugcheck(0xD1, (1, 2, 3, 4))
    assert scene.threads == ()
    assert "the registers of processor 0 are not to be had" in scene.notes
    assert "the list of loaded modules is not to be had" in scene.notes


def test_a_break_in_is_no_crash(setup: Setup) -> None:
    setup.live.wait_until(lambda: setup.live.target.idle)
    setup.client.break_in(5)
    assert setup.client.held
    assert not setup.client.visited
    setup.client.resume()
    assert setup.kinds() == []
