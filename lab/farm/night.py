"""The parts of a night on a farm: given out all at once, brought back into this lab's artifacts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.build import build
from lab.config import CONFIG_NAME, load_config
from lab.errors import Cause, InfrastructureError
from lab.farm.farm import Farm, Perform, connect
from lab.farm.job import DRILL, EXPLORE, SCENARIO, Ended, Job
from lab.farm.pack import Pack, put_lab
from lab.farm.slot import perform
from lab.farm.store import Store
from lab.farm.tree import bring_files
from lab.nightly import Plan, Runner
from lab.progress import Progress
from lab.report.record import HTML
from lab.report.run_files import finish_run, write_run
from lab.report.run_record import Outcome, read_run
from lab.report.scenario_report import write_report
from lab.results.record import artifacts_of, record
from lab.scenario.artifacts import ArtifactDirectory, new_run_name
from lab.scenario.files import scenario_files
from lab.scenario.load import load_scenarios


@dataclass(frozen=True)
class Place:
    """Where a farm is."""

    address: str
    """Of its scheduler."""
    certificates: Path
    store: str
    """What this host and its workers keep files in."""


@dataclass
class _Repetition:
    """One run, as it comes in."""

    directory: Path
    seed: int
    began: float
    lost: list[Outcome] = field(default_factory=list)
    is_whole: bool = True


class FarmRunner(Runner):
    """Does the same as on this host, on others."""

    def __init__(self, root: Path, deadline: float, place: Place, do: Perform = perform) -> None:
        """`deadline` is of `time.monotonic`."""
        super().__init__(root, deadline)
        self._place = place
        self._do = do
        self._store = Store(place.store)
        self._statuses = dict.fromkeys((EXPLORE, DRILL), InfrastructureError.exit_code)

    def scenarios(self, plan: Plan) -> list[int]:
        """All parts of the night; returns the statuses of the repetitions. Raises UsageError, InfrastructureError."""
        config = load_config(plan.root / CONFIG_NAME)
        build(config, Progress())
        files = list(scenario_files(plan.root / each for each in plan.scenarios))
        drill = plan.root / plan.drill if plan.drill else None
        pack = put_lab(config, self._store, files, drill)
        name = new_run_name()
        runs = [
            _Repetition(artifacts_of(plan.root) / f"{name}-{number}", plan.seed + number, time.time())
            for number in range(plan.repetitions)
        ]
        owners: dict[str, _Repetition] = {}
        jobs = [*_parts(pack, plan, drill)]
        for run in runs:
            for file in files:
                for job in pack.scenarios(load_scenarios(file, config, run.seed), run.seed):
                    owners[job.id] = run
                    jobs.append(job)
        with connect(self._place.address, self._place.certificates) as farm:
            self._collect(farm, jobs, owners)
        return [self._finish(run) for run in runs]

    def explore(self, plan: Plan) -> int:  # noqa: ARG002
        """It was done with the scenarios."""
        return self._statuses[EXPLORE]

    def drill(self, plan: Plan) -> int:  # noqa: ARG002
        """It was done with the scenarios."""
        return self._statuses[DRILL]

    def _collect(self, farm: Farm, jobs: list[Job], owners: dict[str, _Repetition]) -> None:
        for number, ended in enumerate(farm.run(jobs, self._do, self._deadline), 1):
            told = f"nightly: {number} of {len(jobs)}: {ended.job.name}: {ended.manifest.cause}"
            print(f"{told} on {ended.worker}" if ended.worker else f"{told}: {ended.manifest.reason}", flush=True)
            if ended.job.kind == SCENARIO:
                self._keep(ended, owners[ended.job.id])
            else:
                self._keep_part(ended)

    def _keep(self, ended: Ended, run: _Repetition) -> None:
        """Into the run's directory; the report is made anew, for it says where to find what it speaks of."""
        job, manifest = ended.job, ended.manifest
        run.is_whole &= manifest.cause != Cause.INFRASTRUCTURE.value
        if not manifest.files:
            run.lost.append(Outcome(job.name, manifest.cause, manifest.reason, seed=job.seed, image=job.image))
            return
        with ArtifactDirectory(run.directory, job.name) as place:
            bring_files(self._store, manifest.files, place.directory)
            if (place.directory / HTML).is_file():
                write_report(place.directory, place.path)
            place.write_json("farm.json", {"job": job.id, "worker": ended.worker, "before": list(ended.attempts)})

    def _keep_part(self, ended: Ended) -> None:
        manifest = ended.manifest
        if manifest.cause == Cause.INFRASTRUCTURE.value:
            return
        self._statuses[ended.job.kind] = manifest.status
        to = artifacts_of(self._root) / manifest.directory
        bring_files(self._store, manifest.files, to)
        for report in to.glob(f"*/{HTML}"):
            write_report(report.parent)
        if ended.job.kind == DRILL:
            run = read_run(to)
            write_run(run)
            record(run)

    def _finish(self, run: _Repetition) -> int:
        """As pytest's exit status."""
        found = finish_run(run.directory, run.began, seed=run.seed, without_directory=run.lost)
        if found is None:
            return InfrastructureError.exit_code
        record(found)
        return int(bool(found.bad)) if run.is_whole else InfrastructureError.exit_code


def _parts(pack: Pack, plan: Plan, drill: Path | None) -> Iterator[Job]:
    """What takes longest comes first."""
    if drill is not None:
        yield pack.drill(drill)
    if plan.explore_minutes > 0:
        yield pack.explore(plan.explore_minutes, plan.seed)
