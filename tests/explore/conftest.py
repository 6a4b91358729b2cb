from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.config import Config, ModelSpec
from lab.explore.case import Plant
from lab.explore.ground import Ground
from lab.explore.notebook import Notebook
from lab.explore.play import Player
from lab.explore.search import Search
from lab.scenario.session import ScenarioSession
from lab.traffic.model import interests_of, load_model

from .simulated_lab import Driver, SimulatedLab

Explore = Callable[..., "Explored"]


class Explored:
    """An exploration of the simulated driver."""

    def __init__(self, config: Config, directory: Path, driver: Driver, seed: int, plant: Plant | None) -> None:
        assert config.model is not None
        model = load_model(config.model, config.device)
        self.ground = Ground(config, config.default_driver, interests_of(model), kills=True, plant=plant)
        self.lab = SimulatedLab(directory, driver, seed)
        self.session = ScenarioSession(lambda: self.lab, directory / "runs")
        self.player = Player(self.ground, self.session, model)
        self.notebook = Notebook(directory / "found", self.ground, self.session, seed)
        self.told: list[str] = []
        self.search = Search(self.player, seed, 60, True, self.told.append, self.notebook.take)


@pytest.fixture
def simulated(project: Config) -> Callable[[str], Driver]:
    """The driver in Python, with one of its mistakes or none."""

    def make(mistake: str = "") -> Driver:
        spec = ModelSpec(project.root / "driver/model/simulated.py", "SimulatedPipes")
        driver = load_model(spec, project.device)
        driver.mistake = mistake  # type: ignore[attr-defined]
        return driver  # type: ignore[return-value]

    return make


@pytest.fixture
def explore(project: Config, tmp_path: Path) -> Explore:
    """Makes an exploration of the simulated driver; nothing is run yet."""

    def of(driver: Driver, seed: int = 1, plant: Plant | None = None) -> Explored:
        return Explored(project, tmp_path, driver, seed, plant)

    return of
