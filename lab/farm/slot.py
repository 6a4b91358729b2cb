"""The worker's side: one VM, and the jobs that come to it one after the other."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dask
from distributed import get_worker

from lab.config import CONFIG_NAME, Config, load_config
from lab.errors import Cause, InfrastructureError, LabError
from lab.farm.host import HOME
from lab.farm.job import DRILL, EXPLORE, SCENARIO, Job, Manifest
from lab.farm.pack import TRAFFIC
from lab.farm.store import Shelf, Store, file_digest
from lab.farm.tree import files_of, lay_tree
from lab.machine.instance import Instance
from lab.scenario.artifacts import new_run_name
from lab.scenario.load import load_scenarios
from lab.scenario.model import Scenario
from lab.scenario.session import ScenarioSession
from lab.worker_vm import WorkerVm
from vm_images.choice import has_image, image_place

if TYPE_CHECKING:
    from lab.running import RunningLab

KEPT_TREES = 3
_slots: list[Slot] = []
"""This process's one slot, once it had a job."""


def perform(job: Job) -> tuple[str, Manifest]:
    """Do a job in this process's VM; says who did it. Whatever goes wrong is a manifest with a cause."""
    if not _slots:
        _slots.append(Slot(Path(dask.config.get(HOME))))
    return str(get_worker().address), _slots[0].perform(job)


class Slot:
    """One VM of this host, brought up for a tree of files, and brought up anew for another one."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._shelf = Shelf(home / "shelf")
        self._tree = ""
        self._vm: WorkerVm | None = None
        self._session: ScenarioSession | None = None

    def perform(self, job: Job) -> Manifest:
        began = time.monotonic()
        try:
            store = Store(job.store)
            root = self._prepare(job, store)
            manifest = self._scenario(job, store, root) if job.kind == SCENARIO else self._part(job, store, root)
        except LabError as error:
            self._end()
            manifest = Manifest(Cause.INFRASTRUCTURE.value, f"{error}")
        return replace(manifest, seconds=round(time.monotonic() - began, 3))

    def _prepare(self, job: Job, store: Store) -> Path:
        """The tree of the job on this host, and its guest image."""
        root = self._home / "trees" / job.tree[:32]
        if self._tree != job.tree:
            self._end()
            lay_tree(self._shelf, store, job.tree, root)
            self._bring_image(job, store, root)
            self._tree = job.tree
        return root

    def _bring_image(self, job: Job, store: Store, root: Path) -> None:
        config = _built(root)
        if has_image(config, job.image):
            return
        lay_tree(self._shelf, store, job.image_tree, image_place(config, job.image))
        if not has_image(config, job.image):
            raise InfrastructureError(f"the guest image {job.image[:16]} came incomplete")

    def _scenario(self, job: Job, store: Store, root: Path) -> Manifest:
        scenario = _scenario_of(job, self._config(root), root)
        with tempfile.TemporaryDirectory(dir=self._home, prefix="run-") as folder:
            session = self._session_in(root, Path(folder))
            verdict = session.run(scenario)
            files = files_of(verdict.artifacts) if verdict.artifacts else {}
            kept = {name: store.put(file) for name, file in files.items()}
        if session.is_lost:
            self._end()
        name = verdict.artifacts.name if verdict.artifacts else ""
        return Manifest(verdict.cause.value, verdict.reason, kept, name)

    def _part(self, job: Job, store: Store, root: Path) -> Manifest:
        """Exploring, or the drill: they bring the VM up by themselves."""
        from lab.cli_drill import drill_in
        from lab.exploration import Wish, explore_once

        self._end()
        with tempfile.TemporaryDirectory(dir=self._home, prefix="run-") as folder, WorkerVm(_built(root)) as vm:
            out = Path(folder) / job.kind
            out.mkdir()
            with (out / "output.txt").open("w") as stream, contextlib.redirect_stdout(stream):
                if job.kind == EXPLORE:
                    wish = Wish(seconds=job.minutes * 60, seed=job.seed or 0, out=out)
                    status = explore_once(vm.config, wish)
                else:
                    assert job.kind == DRILL  # noqa: S101
                    status = drill_in(vm.config, root / job.file, out)
            left = next((each.parent for each in out.glob("*/run.json")), out)
            if left != out:
                (out / "output.txt").rename(left / "output.txt")
            files = {name: store.put(file) for name, file in files_of(left).items()}
            name = left.name if left != out else f"{job.kind}-{new_run_name()}"
        return Manifest(Cause.PASSED.value if status == 0 else Cause.FAILED.value, "", files, name, status)

    def _session_in(self, root: Path, folder: Path) -> ScenarioSession:
        """The VM stays from job to job; where its results go is the job's own."""
        if self._session is None:
            self._vm = WorkerVm(self._config(root))
            self._session = ScenarioSession(lambda: self._equipped(root), folder, folder)
        self._session.run_directory = folder
        return self._session

    def _equipped(self, root: Path) -> RunningLab:
        assert self._vm  # noqa: S101
        lab = self._vm.bring_up()
        lab.traffic_program = root / TRAFFIC
        return lab

    def _config(self, root: Path) -> Config:
        return self._vm.config if self._vm else _built(root)

    def _end(self) -> None:
        vm, self._vm, self._session = self._vm, None, None
        if vm is not None:
            vm.end()
        self._tree = ""
        _drop_old_trees(self._home / "trees")


def _built(root: Path) -> Config:
    return load_config(root / CONFIG_NAME)


def _scenario_of(job: Job, config: Config, root: Path) -> Scenario:
    path = root / job.file
    if file_digest(path) != job.scenario:
        raise InfrastructureError(f"{job.file} is not the scenario that was asked for")
    for each in load_scenarios(path, config, job.seed):
        if dict(each.point) == dict(job.point):
            if each.driver.file.is_file() and file_digest(each.driver.file) != job.driver:
                raise InfrastructureError(f"{each.driver.file.name} is not the driver that was asked for")
            return each
    raise InfrastructureError(f"{job.file} has no point {dict(job.point)}")


def _drop_old_trees(trees: Path) -> None:
    """Of long ago, and with nobody at work in them."""
    found = sorted((each for each in trees.glob("[0-9a-f]*") if each.is_dir()), key=lambda each: each.stat().st_mtime)
    for old in found[:-KEPT_TREES]:
        if not any(each.is_supervised() for each in _vms(old)):
            shutil.rmtree(old, ignore_errors=True)


def _vms(root: Path) -> list[Instance]:
    return [Instance(each) for each in root.glob(".lab/vm-*")]
