"""What a user program gives to OutputDebugString reaches the kernel debugger, as on Windows."""

from __future__ import annotations

from pathlib import Path

import pytest
from guest_program import build

from lab.kd.log_reader import read_log
from lab.running import RunningLab

pytestmark = pytest.mark.vm

LONG_TEXT = 10_000


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(Path(__file__).with_name("debug_string.c"), tmp_path_factory.mktemp("debug-string"))


def test_every_byte_reaches_the_debugger_in_order(lab: RunningLab, program: Path) -> None:
    lab.guest.put(program, r"C:\lab\run\debug-string.exe")
    begin = lab.mark("debug string", "begin")
    try:
        assert lab.guest.stream([r"C:\lab\run\debug-string.exe"], lambda _: None, 30) == 0
        lab.sync(10)
    finally:
        lab.mark(None, "end")
    prints = [entry.text for entry in read_log(lab.kd_log, since_seq=begin) if entry.kind == "print"]
    every_byte = "".join(map(chr, range(1, 256)))
    long_text = "".join(chr(ord("a") + i % 23) for i in range(LONG_TEXT))
    assert "".join(prints) == every_byte + "wide\n" + long_text + "100%s\n"
    assert prints[0] == every_byte, "a short one comes in one piece"
