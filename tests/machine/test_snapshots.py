"""Snapshots of the running guest: the debugger's link goes back in time with it, and no print is lost or doubled."""

from __future__ import annotations

import pytest

from lab.guest.services import TRAFFIC
from lab.kd.log import read_log
from lab.running import RunningLab
from lab.traffic.script import Script, bytes_token

pytestmark = pytest.mark.vm

RESTORES = 10
PRINTS = 50
REMOTE = r"C:\lab\run\snapshot-test.txt"


def burst_script(lab: RunningLab) -> bytes:
    """Loads the driver that can print in bursts, and lets it print."""
    ioctl = lab.config.ioctls["burst"]
    script = Script(60_000)
    script.actor("a")
    image = lab.ensure_driver("example-fault")
    script.step("1", "-", 30_000, "service", "reload", lab.config.drivers["example-fault"].service, image)
    script.step("2", "a", 30_000, "open", "h", rf"{lab.config.device}\BURST", "rw")
    data = bytes_token(ioctl.pack({"count": PRINTS}))
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


def test_restore_undoes_files_and_knowledge_of_them(lab: RunningLab) -> None:
    lab.restore()
    lab.guest.put(b"here", r"C:\lab\run\gone-after-restore")
    lab.restore()
    with pytest.raises(FileNotFoundError):
        lab.guest.get(r"C:\lab\run\gone-after-restore")
