"""The driver host stopped again and again while a driver prints: nothing is lost, and it goes on each time."""

from __future__ import annotations

import threading

import pytest

from lab.guest.services import TRAFFIC
from lab.kd.log_reader import read_log
from lab.running import RunningLab

pytestmark = pytest.mark.vm

SCRIPT = r"C:\lab\run\break-in.txt"
BURST, PRINTS, STOPS = 0x22A3C4, 4000, 100


def test_a_hundred_stops_during_prints_lose_none(lab: RunningLab) -> None:
    lab.load_driver("example-fault")
    request = f"step burst a 100000 ioctl h {BURST:#x} hex:{PRINTS.to_bytes(4, 'little').hex()} 0\n"
    script = rf"traffic 1{chr(10)}deadline 110000{chr(10)}actor a{chr(10)}step o a 9000 open h \\.\Example rw{chr(10)}"
    lab.guest.put((script + request).encode(), SCRIPT)
    begin = lab.mark("break-in", "begin")
    bursts = stops = 0
    guest = lab.another_guest()
    while stops < STOPS:
        said: list[str] = []
        traffic = threading.Thread(target=guest.stream, args=([TRAFFIC, "run", SCRIPT], said.append, 120))
        traffic.start()
        while traffic.is_alive():
            lab.sync(30)
            stops += 1
        assert '"done","ok":true' in said[-1].replace(" ", ""), said[-3:]
        bursts += 1
    lab.sync(30)
    lab.mark(None, "end")
    text = "".join(e.text for e in read_log(lab.kd_log, since_seq=begin) if e.kind == "print" and "burst" in e.text)
    lines = [line for line in text.splitlines() if line.startswith("burst ")]
    assert lines == [f"burst {n} of {PRINTS}" for n in range(1, PRINTS + 1)] * bursts
    lab.restore()
