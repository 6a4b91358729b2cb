"""Cold boot against warm start from the snapshot, both to the first finished driver round trip."""

from __future__ import annotations

import statistics
import time

from benchmarks.round_trip import round_trip
from lab import bringup
from lab.config import Config
from lab.machine.instance import SNAPSHOTS
from lab.progress import Silent
from lab.running import instance_of
from vm_images.wine import ensure_image

ROUNDS = 3


def measure(config: Config) -> None:
    """Print both times of each round and the ratio of their medians."""
    ensure_image(Silent())  # Building it is no part of either start.
    cold: list[float] = []
    warm: list[float] = []
    for number in range(ROUNDS):
        cold.append(_start(config, fresh=True))
        warm.append(_start(config, fresh=False))
        print(f"  round {number + 1}: cold boot {cold[-1]:6.1f} s   from snapshot {warm[-1]:6.1f} s", flush=True)
    ratio = statistics.median(cold) / statistics.median(warm)
    print(f"  warm start is {ratio:.1f} times as fast as a cold boot (wanted: at least 4)")


def _start(config: Config, *, fresh: bool) -> float:
    bringup.down(config)
    if fresh:
        instance_of(config).path(SNAPSHOTS).unlink(missing_ok=True)
    begin = time.monotonic()
    lab = bringup.up(config, Silent())
    round_trip(lab, config)
    return time.monotonic() - begin
