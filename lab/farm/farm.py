"""The farm as whoever has jobs sees it: gives them out, and brings each one's single ending back."""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import Client, Future, KilledWorker, wait

from lab.document import printable
from lab.errors import Cause, InfrastructureError, UsageError
from lab.farm.certificates import security
from lab.farm.job import Ended, Job, Manifest

CONNECT = 20.0
TRIES = 3
"""Of a job that the lab's own failures keep from an ending."""
DEATHS = 2
"""Workers that may die of a job before nobody takes it any more."""
LOOK = 1.0
"""Seconds between two looks at who works."""
QUARANTINE = "lab-quarantine"
"""Where the scheduler keeps the jobs that nobody takes, for all that ask."""

Perform = Callable[[Job], tuple[str, Manifest]]
"""Says who did it, and what came of it."""


@dataclass
class _Task:
    job: Job
    attempts: list[str] = field(default_factory=list)
    shunned: set[str] = field(default_factory=set)
    """Workers that it failed on."""
    deaths: int = 0


class Farm:
    """A connection to a scheduler."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._running: dict[Future[Any], _Task] = {}
        self._waiting: deque[_Task] = deque()
        self._looked = 0.0
        self._workers: dict[str, dict[str, Any]] = {}

    def run(self, jobs: Iterable[Job], perform: Perform, deadline: float) -> Iterator[Ended]:
        """Each job once, as they end; `deadline` is of `time.monotonic`: what has not ended then is told so.

        What fails by the lab's own fault is tried elsewhere, a verdict on the driver never. Raises InfrastructureError
        when the scheduler is lost.
        """
        self._waiting.extend(_Task(job) for job in jobs)
        self._looked = 0.0
        try:
            while self._waiting or self._running:
                if time.monotonic() - self._looked > LOOK:
                    yield from self._refused()
                    self._workers = self.workers()
                    self._looked = time.monotonic()
                if time.monotonic() > deadline:
                    yield from self._too_late()
                    return
                self._give_out(perform)
                yield from self._come_back()
        finally:
            self._client.cancel(list(self._running), force=True)

    def workers(self) -> dict[str, dict[str, Any]]:
        """Who works here, by address. Raises InfrastructureError."""
        try:
            return dict(self._client.scheduler_info(n_workers=-1)["workers"])
        except (OSError, TimeoutError) as error:
            raise InfrastructureError(f"the farm's scheduler is lost: {error}") from None

    def quarantined(self) -> dict[str, str]:
        """Jobs that nobody takes any more, and why, by id."""
        return dict(self._client.get_metadata([QUARANTINE], default={}))

    def forgive(self) -> None:
        """Let workers take them again."""
        self._client.set_metadata([QUARANTINE], {})

    def _refused(self) -> Iterator[Ended]:
        known = self.quarantined() if self._waiting else {}
        for task in [each for each in self._waiting if each.job.id in known]:
            self._waiting.remove(task)
            yield _ended(task, _broken(known[task.job.id]))

    def _give_out(self, perform: Perform) -> None:
        """As many as have room: what waits here is nobody's, and no death of a worker is held against it."""
        while self._waiting:
            guest = self._waiting[0].job.guest
            able = {each: found for each, found in self._workers.items() if guest in found.get("resources", {})}
            if len(self._running) >= len(able):
                return
            task = self._waiting.popleft()
            elsewhere = sorted(set(able) - task.shunned) if task.shunned else []
            future = self._client.submit(
                perform, task.job, key=f"{task.job.id}-{uuid.uuid4().hex}", pure=False, retries=0,
                resources={task.job.guest: 1}, workers=elsewhere or None, allow_other_workers=bool(elsewhere),
            )  # fmt: skip
            self._running[future] = task

    def _come_back(self) -> Iterator[Ended]:
        if not self._running:
            time.sleep(LOOK)  # Nobody works here yet.
            return
        try:
            done = wait(list(self._running), timeout=LOOK, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            if self._client.status != "running":
                raise InfrastructureError(
                    "the farm's scheduler is lost", "start it again: lab farm scheduler"
                ) from None
            return
        for future in done:
            task = self._running.pop(future)
            ended = self._judge(future, task)
            future.release()
            if ended is None:
                self._waiting.append(task)
            else:
                yield ended

    def _judge(self, future: Future[Any], task: _Task) -> Ended | None:
        """The ending; None when it is to be tried elsewhere."""
        error = future.exception() if future.status != "finished" else None
        if isinstance(error, KilledWorker):
            return self._of_death(task, error)
        worker, manifest = future.result() if error is None else ("", _broken(f"the worker failed: {error}"))
        if manifest.cause != Cause.INFRASTRUCTURE.value or len(task.attempts) + 1 >= TRIES:
            return _ended(task, manifest, worker)
        task.attempts.append(f"{worker or 'a worker'}: {manifest.reason}")
        task.shunned.add(worker)
        return None

    def _of_death(self, task: _Task, error: KilledWorker) -> Ended | None:
        worker = str(getattr(error.last_worker, "address", "a worker"))
        task.deaths += 1
        task.attempts.append(f"{worker}: died meanwhile")
        task.shunned.add(worker)
        if task.deaths < DEATHS:
            return None
        why = f"quarantined: {task.deaths} workers died of it"
        self._client.set_metadata([QUARANTINE, task.job.id], f"{why} ({task.job.name})")
        return _ended(task, _broken(why))

    def _too_late(self) -> Iterator[Ended]:
        for task in [*self._running.values(), *self._waiting]:
            yield _ended(task, _broken("the time was over before it ended"))
        self._waiting.clear()


@contextmanager
def connect(address: str, certificates: Path) -> Iterator[Farm]:
    """A farm by the address of its scheduler. Raises UsageError, InfrastructureError when it does not answer."""
    if not address.startswith("tls://"):
        raise UsageError(f"{address!r} is no farm", "tls://HOST:PORT, as `lab farm scheduler` says it")
    try:
        client = Client(address, security=security(certificates, "client"), timeout=CONNECT)
    except (OSError, TimeoutError, ValueError) as error:
        advice = "is `lab farm scheduler` up there, and are these its certificates?"
        raise InfrastructureError(printable(f"no farm at {address}: {error}", 300), advice) from None
    try:
        yield Farm(client)
    finally:
        client.close(timeout=CONNECT)


def _broken(reason: str) -> Manifest:
    return Manifest(Cause.INFRASTRUCTURE.value, printable(reason, 500))


def _ended(task: _Task, manifest: Manifest, worker: str = "") -> Ended:
    return Ended(task.job, manifest, worker, tuple(task.attempts))
