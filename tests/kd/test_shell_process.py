"""The shell as a process of its own, at a terminal and in a pipe: however it ends, the target runs on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from . import target as fake
from .driver_kernel import DRIVER, DriverKernel
from .live import LiveTarget

DEADLINE = 30
pytestmark = pytest.mark.slow


class Served:
    """The target with the driver behind a listening socket, for one debugger."""

    def __init__(self, path: Path) -> None:
        self.address = f"unix:{path}"
        far = fake.Target([fake.print_message(b"boot\n")])
        self.kernel = far.kernel = DriverKernel()
        self.live = LiveTarget(far)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        threading.Thread(target=self._serve, daemon=True).start()

    def is_running(self) -> bool:
        return self.live.target.stopped is None and not self.kernel.breakpoints

    def close(self) -> None:
        self._listener.close()
        self.live.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        connection.settimeout(0.01)
        while True:
            try:
                data = connection.recv(4096)
            except TimeoutError:
                data = None
            if data == b"":
                return
            self.live.transport.send(data or b"")
            answer = self.live.transport.recv(4096, 0.005)
            if answer:
                connection.sendall(answer)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path / "kd.sock")
    yield served
    served.live.wait_until(served.is_running)
    served.close()


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "XDG_STATE_HOME": str(tmp_path), "TERM": "xterm"}


@pytest.fixture
def terminal(served: Served, tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    """The shell at a terminal, its prompt shown."""
    arguments = ["-m", "lab", "kd", "shell", served.address]
    child = pexpect.spawn(
        sys.executable, arguments, encoding="utf-8", timeout=DEADLINE, env=environment(tmp_path), dimensions=(40, 200)
    )
    child.expect_exact("(running) kd> ")
    yield child
    child.expect(pexpect.EOF)
    child.close()


def interrupt(terminal: pexpect.spawn[str]) -> None:
    """Ctrl-C, when the prompt has had time to wait for keys: readline overlooks one that comes just before."""
    time.sleep(0.3)
    terminal.sendintr()


def stop_at_write(terminal: pexpect.spawn[str]) -> None:
    interrupt(terminal)
    terminal.expect_exact("break-in: ntoskrnl")
    terminal.sendline("bp Example_Write; g")
    terminal.expect_exact(f"breakpoint 0: {DRIVER}!Example_Write")
    terminal.expect_exact("push r15")
    terminal.expect_exact("kd> ")


def test_quit_lets_it_run(terminal: pexpect.spawn[str], tmp_path: Path) -> None:
    stop_at_write(terminal)
    terminal.sendline("q")
    terminal.expect(pexpect.EOF)
    assert "bp Example_Write; g" in (tmp_path / "driver-lab" / "kd-history").read_text()


def test_the_end_of_input_lets_it_run(terminal: pexpect.spawn[str]) -> None:
    stop_at_write(terminal)
    terminal.sendeof()


def test_two_interrupts_let_it_run(terminal: pexpect.spawn[str]) -> None:
    stop_at_write(terminal)
    interrupt(terminal)
    terminal.expect_exact("kd> ")
    interrupt(terminal)


def test_a_killed_shell_lets_it_run(terminal: pexpect.spawn[str]) -> None:
    stop_at_write(terminal)
    terminal.kill(signal.SIGTERM)


def test_an_interrupt_stops_what_runs(terminal: pexpect.spawn[str], served: Served) -> None:
    interrupt(terminal)
    terminal.expect_exact("break-in: ntoskrnl")
    terminal.sendline("g")
    served.live.wait_until(served.is_running)
    interrupt(terminal)
    terminal.expect_exact("(break-in)")
    terminal.expect_exact("break-in: ntoskrnl")
    terminal.sendline("q")


def test_names_are_completed(terminal: pexpect.spawn[str]) -> None:
    terminal.sendline("break")
    terminal.expect_exact("break-in: ntoskrnl")
    terminal.send("bp Example_Wr\t")
    terminal.expect_exact("Example_Write")
    terminal.sendline("")
    terminal.expect_exact(f"breakpoint 0: {DRIVER}!Example_Write")
    terminal.sendline("q")


def test_commands_from_a_pipe(served: Served, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "kd", "shell", served.address],
        input="break\nbp Example_Write\ng\nk\n",
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        env=environment(tmp_path),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"00  ffffaa0000800800  {DRIVER}!Example_Write [driver/kernel/dispatch.c:" in done.stdout
    assert "kd>" not in done.stdout


def test_a_mistake_in_a_pipe_is_one_line_and_a_status(served: Served, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "kd", "shell", served.address, "-c", "break; bp Example_Wriet; g"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        env=environment(tmp_path),
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "lab: usage: no symbol 'Example_Wriet' in any module"
    assert "did you mean" in done.stderr
