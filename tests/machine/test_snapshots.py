"""Snapshots of the running guest: the debugger's link goes back in time with it, and no print is lost or doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from lab.errors import LabError
from lab.guest.services import TRAFFIC
from lab.kd.log import read_log
from lab.machine.control import call
from lab.running import SNAPSHOT_DEADLINE, RunningLab
from lab.traffic.script import Script, bytes_token

pytestmark = pytest.mark.vm

RESTORES = 10
PRINTS = 50
REMOTE = r"C:\lab\run\snapshot-test.txt"


def burst_script(lab: RunningLab, prints: int = PRINTS) -> bytes:
    """Loads the driver that can print in bursts, and lets it print."""
    ioctl = lab.config.ioctls["burst"]
    script = Script(60_000)
    script.actor("a")
    image = lab.ensure_driver("example-fault")
    script.step("1", "-", 30_000, "service", "reload", lab.config.drivers["example-fault"].service, image)
    script.step("2", "a", 30_000, "open", "h", rf"{lab.config.device}\BURST", "rw")
    data = bytes_token(ioctl.pack({"count": prints}))
    script.step("3", "a", 30_000, "ioctl", "h", f"{ioctl.code:#x}", data, "0")
    return script.text.encode()


def test_ten_restores_in_a_row_lose_and_double_nothing(lab: RunningLab) -> None:
    expected = [f"burst {number} of {PRINTS}" for number in range(1, PRINTS + 1)]
    for _ in range(RESTORES):
        lab.restore()
        first = lab.mark(None, "restored")
        lab.guest.put(burst_script(lab), REMOTE)
        lab.guest.stream([TRAFFIC, "run", REMOTE], lambda _line: None, 90)
        lab.sync(20)
        text = "".join(entry.text for entry in read_log(lab.kd_log, first) if entry.kind == "print")
        assert [line for line in text.splitlines() if line.startswith("burst ")] == expected
        assert text.count("DriverEntry Called, example-fault") == 1
    lab.restore()


def burst_numbers(lab: RunningLab, since: int) -> list[int]:
    """Which prints of a burst came since an entry of the log, up to the next save or restore."""
    numbers = []
    for entry in read_log(lab.kd_log, since):
        if entry.kind in ("marker", "note"):
            break
        if entry.kind == "print" and entry.text.startswith("burst "):
            numbers.append(int(entry.text.split()[1]))
    return numbers


def newest(lab: RunningLab, text: str) -> int:
    """Sequence number of the newest entry of the log with this text."""
    return max((entry.seq for entry in read_log(lab.kd_log) if entry.text == text), default=0)


@pytest.mark.slow
def test_prints_in_flight_are_neither_lost_nor_doubled(lab: RunningLab) -> None:
    """Saved and restored while the driver prints: each time it goes on with the very next print."""
    prints = 3000
    lab.restore()
    lab.guest.put(burst_script(lab, prints), REMOTE)
    first = lab.mark(None, "burst")
    printing = threading.Thread(target=_perform, args=(lab,), daemon=True)
    printing.start()
    _wait_for(lambda: len(burst_numbers(lab, first)) > prints // 4)
    call(lab.instance, "save", timeout=SNAPSHOT_DEADLINE, tag="in-flight", key="test")
    saved = newest(lab, "the link's state is saved with a snapshot")
    before = burst_numbers(lab, first)
    assert before == list(range(1, len(before) + 1))
    rest = list(range(len(before) + 1, prints + 1))
    assert rest
    _wait_for(lambda: len(burst_numbers(lab, saved)) >= len(rest))
    assert burst_numbers(lab, saved) == rest
    for turn in range(RESTORES):
        call(lab.instance, "load", timeout=SNAPSHOT_DEADLINE, tag="in-flight")
        restored = newest(lab, "snapshot restored")
        if turn % 2:  # every other time it goes back in the middle of the prints once more
            _wait_for(lambda: len(burst_numbers(lab, restored)) >= len(rest))  # noqa: B023
            assert burst_numbers(lab, restored) == rest
        else:
            _wait_for(lambda: len(burst_numbers(lab, restored)) > 20)  # noqa: B023
            begun = burst_numbers(lab, restored)
            assert begun == rest[: len(begun)]
    lab.restore()
    printing.join(120)


def _perform(lab: RunningLab) -> None:
    with suppress(LabError):  # its connection does not survive the first restore
        lab.another_guest().stream([TRAFFIC, "run", REMOTE], lambda _line: None, 100)


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_restore_undoes_files_and_knowledge_of_them(lab: RunningLab) -> None:
    lab.restore()
    lab.guest.put(b"here", r"C:\lab\run\gone-after-restore")
    lab.restore()
    with pytest.raises(FileNotFoundError):
        lab.guest.get(r"C:\lab\run\gone-after-restore")
