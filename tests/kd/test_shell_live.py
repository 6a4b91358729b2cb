"""The shell on the lab's own guest, through the bridge."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from lab.kd.log_reader import last_seq, read_log
from lab.running import RunningLab

DEADLINE = 90
pytestmark = pytest.mark.vm


def command(lab: RunningLab, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "lab", "--config", str(lab.config.path), "kd", "shell", *arguments]


@pytest.fixture(autouse=True)
def driver(lab: RunningLab) -> None:
    lab.load_driver("example-buffered")


def test_modules_symbols_and_the_stack_of_the_driver_host(lab: RunningLab) -> None:
    script = "break; version; lm; k; x example*!Example_W*; dt EXAMPLE_RING; g"
    done = subprocess.run(command(lab, "-c", script), capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, done.stderr
    assert "AMD64" in done.stdout
    assert re.search(r"example-buffered +/.*/example-buffered\.pdb", done.stdout)
    assert re.search(r"ntoskrnl +exports only", done.stdout)
    assert re.search(r"[0-9a-f]{16}  ntdll!RtlUserThreadStart\+0x", done.stdout), "the thread's first frame"
    assert "example-buffered!Example_Write\n" in done.stdout
    assert "+0x010 Held    : unsigned long" in done.stdout
    lab.sync(10.0)


def test_a_shell_that_is_killed_leaves_a_guest_that_runs(lab: RunningLab) -> None:
    before = last_seq(lab.kd_log)
    with subprocess.Popen(command(lab), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdin
        assert shell.stdout
        shell.stdin.write("break\nbp Example_Create\n")
        shell.stdin.flush()
        for line in shell.stdout:
            if line.startswith("breakpoint 0"):
                break
        shell.kill()
    lab.sync(10.0)
    lab.load_driver("example-buffered")
    notes = [entry.text for entry in read_log(lab.kd_log, before) if entry.kind == "note"]
    assert any("debugger attached" in note for note in notes)
    assert any("debugger left" in note for note in notes)
