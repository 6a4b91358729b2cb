"""A scheduler and workers as processes of their own, by the `lab` command."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN = 120.0


class Process:
    """One `lab farm ...`."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lab", "farm", *arguments], cwd=ROOT, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), **environment},
        )  # fmt: skip
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)

    def said(self) -> str:
        """What it says when it is ready."""
        return self._lines.get(timeout=READY_WITHIN)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def running_farm(certificates: Path, home: Path, *workers: int, **environment: str) -> Iterator[str]:
    """A scheduler, and hosts with so many slots; the scheduler's address."""
    shown = ("--certificates", str(certificates))
    with contextlib.ExitStack() as stack:
        scheduler = stack.enter_context(Process("scheduler", "--listen", "127.0.0.1:0", *shown))
        address = scheduler.said().split()[1]
        hosts = [
            Process(
                "worker", address, "--slots", str(slots), "--directory", str(home / f"host-{i}"), *shown, **environment
            )
            for i, slots in enumerate(workers)
        ]
        for each in hosts:
            stack.enter_context(each)
        for each in hosts:
            each.said()
        yield address
