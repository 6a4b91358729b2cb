"""What a lab is made of, put into the store: lab.yaml and all that it and the scenarios name, under their own names."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.config import CONFIG_NAME, Config
from lab.errors import InfrastructureError, UsageError
from lab.farm.job import DRILL, EXPLORE, Job
from lab.farm.store import Store, file_digest
from lab.farm.tree import files_of, put_tree
from lab.machine.image import load_image
from lab.running import TRAFFIC_PROGRAM
from lab.scenario.load import load_scenarios
from lab.scenario.model import Scenario
from lab.yaml_file import read_document
from vm_images.choice import find_image

TRAFFIC = ".traffic.exe"
_NOT_SENT = ("build", "coverage")
"""Keys of lab.yaml: drivers travel as they are."""


@dataclass(frozen=True)
class Pack:
    """A lab in a store."""

    config: Config
    store: str
    tree: str
    image: str
    image_tree: str

    def scenarios(self, scenarios: Sequence[Scenario], seed: int) -> Iterator[Job]:
        """A job for each; `seed` is what `seed: random` stands for."""
        for each in scenarios:
            yield Job(
                name=each.id, driver=_digest(each.driver.file), image=self.image, scenario=file_digest(each.path),
                point=dict(each.point), seed=seed, guest=self.config.guest, file=_name(self.config, each.path),
                tree=self.tree, image_tree=self.image_tree, store=self.store,
            )  # fmt: skip

    def explore(self, minutes: float, seed: int) -> Job:
        """Exploring for so long."""
        return self._part(EXPLORE, seed=seed, minutes=minutes)

    def drill(self, folder: Path) -> Job:
        """The crash drill in a folder of this lab."""
        return self._part(DRILL, file=_name(self.config, folder))

    def _part(self, kind: str, *, file: str = "", seed: int | None = None, minutes: float = 0.0) -> Job:
        return Job(
            name=kind, driver=_digest(self.config.driver.file), image=self.image, scenario=f"{kind} {file}", seed=seed,
            guest=self.config.guest, kind=kind, file=file, minutes=minutes, tree=self.tree,
            image_tree=self.image_tree, store=self.store,
        )  # fmt: skip


def put_lab(config: Config, store: Store, scenarios: Sequence[Path], drill: Path | None = None) -> Pack:
    """Put a lab and its guest image into the store. Raises UsageError, InfrastructureError."""
    directory = find_image(config)
    if directory is None:
        raise InfrastructureError("there is no guest image yet", "build it: lab image")
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / CONFIG_NAME
        own.write_text(json.dumps(_told(config)), encoding="utf-8")  # JSON is YAML.
        files = {_name(config, each): each for each in _files(config, scenarios, drill) if each.is_file()}
        tree = put_tree(store, {**files, CONFIG_NAME: own, TRAFFIC: TRAFFIC_PROGRAM})
    image = load_image(directory)
    return Pack(config, store.url, tree, image.digest, put_tree(store, files_of(directory)))


def _files(config: Config, scenarios: Sequence[Path], drill: Path | None) -> Iterator[Path]:
    for driver in config.drivers.values():
        yield driver.file
        yield driver.file.with_suffix(".pdb")
    yield from config.programs.values()
    yield from config.debugger.serve.values()
    if config.model is not None:
        yield config.model.file
    for path in scenarios:
        yield path
        for each in load_scenarios(path, config):
            yield from each.debugger.serve.values()
        schedule = read_document(path).data.get("schedule")
        if isinstance(schedule, dict) and isinstance(schedule.get("replay"), str):
            yield path.parent / schedule["replay"]
    if drill is not None:
        yield from sorted(drill.glob("*.yaml"))


def _told(config: Config) -> dict[str, object]:
    return {key: each for key, each in read_document(config.path).data.items() if key not in _NOT_SENT}


def _name(config: Config, file: Path) -> str:
    """Where it is below lab.yaml."""
    try:
        return str(file.resolve().relative_to(config.root))
    except ValueError:
        what = f"{file} is not below {config.root}"
        raise UsageError(what, "what goes to a farm is beside lab.yaml, or below") from None


def _digest(file: Path) -> str:
    return file_digest(file) if file.is_file() else ""
