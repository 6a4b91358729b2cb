"""How a farm's rate grows with its workers: real processes and real TLS with jobs that only sleep, then a simulation.

The simulation gives jobs out as `lab.farm.farm` does: one to each free worker; a result and the next job cost the
client its own time, and the worker the way there and back. Both are measured here. Each worker first boots.
"""

from __future__ import annotations

import contextlib
import heapq
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from distributed import get_worker

from lab.config import Config
from lab.farm.certificates import make_certificates
from lab.farm.farm import Farm, connect
from lab.farm.job import Job, Manifest

WORKERS = (1, 2, 4)
JOBS = 8
"""Of each worker."""
SLEEP = 1.5
"""Seconds: the median scenario."""
SIMULATED = (1, 2, 10, 30, 100)
NIGHTS = 100
"""Repetitions of all scenarios."""
SPEEDS = (1, 4)
"""As recorded, with two cores for many, and as on a host that has time for it."""
BOOT = 15.0
"""Seconds until a worker's guest has its first snapshot."""
WANTED = 0.8
RECORDED = (
    1.37,
    1.41,
    1.47,
    1.68,
    1.69,
    1.69,
    1.74,
    1.79,
    1.81,
    1.87,
    1.89,
    1.94,
    2.08,
    2.08,
    2.15,
    2.2,
    2.3,
    2.31,
    2.32,
    2.47,
    2.52,
    2.58,
    2.65,
    2.69,
    2.7,
    2.73,
    2.73,
    2.82,
    2.85,
    2.89,
    2.92,
    2.94,
    3,
    3.04,
    3.11,
    3.32,
    3.33,
    3.33,
    3.4,
    3.43,
    3.47,
    3.49,
    3.55,
    3.56,
    3.69,
    3.7,
    3.74,
    3.84,
    3.96,
    4.04,
    4.26,
    4.38,
    4.45,
    4.52,
    4.67,
    4.81,
    4.85,
    4.91,
    5.3,
    5.37,
    5.44,
    5.56,
    5.73,
    6.3,
    6.3,
    6.32,
    6.53,
    6.73,
    6.83,
    6.9,
    7.16,
    7.4,
    8.08,
    8.46,
    8.64,
    9.05,
    9.58,
    9.9,
    10.49,
    10.98,
    11.15,
    11.43,
    12.07,
    12.33,
    12.49,
    13.42,
    16.98,
    17.63,
    32.83,
)
"""Seconds of the scenarios of one run on a real guest."""


@dataclass(frozen=True)
class Sleep:
    """A job that waits."""

    seconds: float

    def __call__(self, _job: Job) -> tuple[str, Manifest]:
        time.sleep(self.seconds)
        return str(get_worker().address), Manifest("passed")


@dataclass(frozen=True)
class Cost:
    """Of one job besides its own time, in seconds."""

    client: float
    way: float


def measure(_config: Config) -> None:
    """Print jobs a second and worker of real farms, and of simulated ones."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_certificates(home / "certificates")
        one, cost = 0.0, Cost(0.0, 0.0)
        for count in WORKERS:
            with _farm(home, count) as farm:
                if count == 1:
                    cost = _cost(farm)
                    print(f"  a job costs the client {cost.client * 1000:.1f} ms, and the way {cost.way * 1000:.0f} ms")
                rate = _rate(farm, count)
            one = one or rate
            print(f"  {count:3} workers, jobs of {SLEEP} s: {rate:5.2f} a second, {rate / one / count:.2f} per worker")
    for speed in SPEEDS:
        _simulate([seconds / speed for seconds in RECORDED] * NIGHTS, cost)


def _simulate(durations: Sequence[float], cost: Cost) -> None:
    print(f"  simulated: {len(durations)} jobs of {sum(durations) / len(durations):.1f} s on average")
    one = 0.0
    for count in SIMULATED:
        seconds = simulated_night(durations, count, cost)
        rate = len(durations) / seconds
        one = one or rate
        each = rate / one / count
        print(f"  {count:3} workers: {seconds / 3600:6.2f} hours, {each:.2f} per worker (wanted: at least {WANTED})")


def simulated_night(durations: Sequence[float], workers: int, cost: Cost, seed: int = 1) -> float:
    """Seconds until all have ended, when each worker boots first and has one job at a time."""
    order = list(durations)
    random.Random(seed).shuffle(order)  # noqa: S311
    free = [(BOOT, number) for number in range(workers)]
    client, ended = 0.0, 0.0
    for seconds in order:
        moment, number = heapq.heappop(free)
        client = max(client, moment) + cost.client
        ended = max(ended, client + cost.way + seconds)
        heapq.heappush(free, (client + cost.way + seconds, number))
    return ended


def _cost(farm: Farm) -> Cost:
    """Of jobs that do nothing."""
    count = 50
    _run(farm, 1, 0.0)
    wall, own = time.monotonic(), time.process_time()
    _run(farm, count, 0.0)
    client = (time.process_time() - own) / count
    return Cost(client, max(0.0, (time.monotonic() - wall) / count - client))


def _rate(farm: Farm, workers: int) -> float:
    begin = time.monotonic()
    _run(farm, JOBS * workers, SLEEP)
    return JOBS * workers / (time.monotonic() - begin)


def _run(farm: Farm, count: int, seconds: float) -> None:
    jobs = [Job(f"{number}", scenario=f"{count} of {seconds}", seed=number) for number in range(count)]
    ended = list(farm.run(jobs, Sleep(seconds), time.monotonic() + 300))
    assert [each.manifest.cause for each in ended] == ["passed"] * count


@contextlib.contextmanager
def _farm(home: Path, slots: int) -> Iterator[Farm]:
    shown = ("--certificates", str(home / "certificates"))
    with _process("scheduler", "--listen", "127.0.0.1:0", *shown) as told:
        address = told.split()[1]
        directory = f"--directory={home / f'hosts-{slots}'}"
        with (
            _process("worker", address, f"--slots={slots}", directory, *shown),
            connect(address, home / "certificates") as farm,
        ):
            yield farm


@contextlib.contextmanager
def _process(*arguments: str) -> Iterator[str]:
    """One `lab farm ...`; what it says when it is ready."""
    command = [sys.executable, "-m", "lab", "farm", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout
        yield process.stdout.readline()
    finally:
        process.terminate()
        process.wait(60)
