"""Jobs that take no VM, for the machinery around them; the name of a job says how it ends."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from lab.farm.job import SCENARIO, Job, Manifest
from lab.farm.store import Store


@dataclass(frozen=True)
class Cheap:
    """Writes down in `diary` who began what."""

    diary: Path

    def __call__(self, job: Job) -> tuple[str, Manifest]:
        from distributed import get_worker  # Not before it is needed: it takes a second.

        worker = str(get_worker().address)
        with self.diary.open("a") as stream:
            stream.write(f"{job.name} {os.getpid()} {worker}\n")
        ending, _, rest = job.name.partition("-")
        if ending == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        if ending == "slow":
            time.sleep(0.4)
        if ending == "endless":
            time.sleep(600)
        if ending == "once" and rest and self.began().count(job.name) == 1:
            return worker, Manifest("infrastructure", "the first worker had no disk")
        causes = {"broken": "infrastructure", "crashed": "crashed", "failed": "failed"}
        return worker, Manifest(causes.get(ending, "passed"))

    def began(self) -> list[str]:
        """Names of the jobs, in the order of their beginning."""
        return [line.split()[0] for line in self.diary.read_text().splitlines()]

    def pids(self, job: str) -> list[int]:
        """Processes that began it."""
        return [int(line.split()[1]) for line in self.diary.read_text().splitlines() if line.split()[0] == job]


@dataclass(frozen=True)
class Played:
    """Leaves what a scenario that passed leaves; exploring finds something."""

    def __call__(self, job: Job) -> tuple[str, Manifest]:
        if job.kind != SCENARIO:
            return "a worker", Manifest("failed", "", {}, f"{job.kind}-1", 1)
        result = {"scenario": job.name, "cause": "passed", "began": time.time(), "seed": job.seed}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "result.json"
            file.write_text(json.dumps(result))
            digest = Store(job.store).put(file)
        return "a worker", Manifest("passed", "", {"result.json": digest}, job.name)
