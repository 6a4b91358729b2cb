from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from lab.kd.log import KdLog

COUNT = 2000


@pytest.fixture
def log(tmp_path: Path) -> Path:
    log = KdLog(tmp_path)
    for number in range(COUNT):
        log.write("print", 0, f"line {number}\n", {})
    log.close()
    return log.path


def on_a_terminal(*arguments: str, pager: str) -> tuple[str, int]:
    """What `lab kd show` writes to a terminal, and its exit status."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["PAGER"] = pager
        os.execv(sys.executable, [sys.executable, "-m", "lab", "kd", "show", *arguments])  # noqa: S606
    written = b""
    try:
        while piece := os.read(terminal, 1 << 16):
            written += piece
    except OSError:
        pass  # The terminal's other end is closed.
    os.close(terminal)
    return written.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_terminal_gets_its_output_through_the_pager(log: Path) -> None:
    text, status = on_a_terminal(str(log), pager="sed -u s/^/paged:/")
    assert status == 0
    lines = text.splitlines()
    assert len(lines) == COUNT
    assert all(line.startswith("paged:") for line in lines)
    assert "\x1b[2m" in lines[0]


@pytest.mark.parametrize(("more", "pager"), [(["--no-pager"], "false"), ([], ""), ([], "cat"), ([], "no-such-pager")])
def test_without_a_pager_it_goes_straight_to_the_terminal(log: Path, more: list[str], pager: str) -> None:
    text, status = on_a_terminal(str(log), *more, pager=pager)
    assert status == 0
    assert len(text.splitlines()) == COUNT


def test_leaving_the_pager_ends_it_quietly(log: Path) -> None:
    assert on_a_terminal(str(log), pager="head -n 0") == ("", 0)
