"""What a user program gives to OutputDebugString reaches the kernel debugger, as on Windows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.kd.log_reader import read_log
from lab.running import RunningLab

pytestmark = pytest.mark.vm

HEADERS = "/usr/share/mingw-w64/include"
KERNEL32 = "/usr/x86_64-w64-mingw32/lib/libkernel32.a"
LONG_TEXT = 10_000


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as the driver's own programs are."""
    place = tmp_path_factory.mktemp("debug-string")
    source = Path(__file__).with_name("debug_string.c")
    flags = ["--target=x86_64-w64-windows-gnu", "-ffreestanding", "-fno-stack-protector", "-O1", "-isystem", HEADERS]
    subprocess.run(["clang", *flags, "-c", source, "-o", place / "it.obj"], check=True)
    link = ["lld-link", "/subsystem:console", "/nodefaultlib", "/entry:entry", "/out:it.exe", "it.obj", KERNEL32]
    subprocess.run(link, check=True, cwd=place)
    return place / "it.exe"


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
