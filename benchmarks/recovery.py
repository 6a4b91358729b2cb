"""From the order to put the guest back to a guest that was found in order: of a VM that runs, and of one that died."""

from __future__ import annotations

import os
import signal
import statistics

from lab import bringup
from lab.config import Config
from lab.machine.control import call
from lab.progress import Silent
from lab.running import RunningLab

ROUNDS = 5
WANTED = 5.0
"""Seconds, under emulation."""


def measure(config: Config) -> None:
    """Print the times of both, each with the boot id, the drivers and the clock verified."""
    lab = bringup.up(config, Silent())
    running = [_recover(lab, "a benchmark") for _ in range(ROUNDS)]
    print(f"  guest put back and verified   median {statistics.median(running):.1f} s, longest {max(running):.1f} s")
    died = []
    for _ in range(ROUNDS):
        os.kill(call(lab.instance, "status")["qemu_pid"], signal.SIGKILL)
        died.append(_recover(lab, "QEMU was killed"))
    print(f"  after QEMU's death            median {statistics.median(died):.1f} s, longest {max(died):.1f} s")
    print(f"  (wanted: at most {WANTED:g} s)")


def _recover(lab: RunningLab, reason: str) -> float:
    lab.recover(reason)
    assert lab.restored
    return lab.restored.seconds
