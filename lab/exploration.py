"""`lab explore`: a running lab, and what is explored with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab import bringup
from lab.config import Config, FaultSpec
from lab.explore.case import Plant
from lab.explore.ground import KILLS, NAMES, Ground
from lab.explore.notebook import Notebook, in_words
from lab.explore.play import Player
from lab.explore.search import SHRINKING, Search
from lab.explore.ticker import Ticker
from lab.progress import Progress
from lab.running import RunningLab
from lab.scenario.session import ScenarioSession
from lab.traffic.model import interests_of, load_model


@dataclass(frozen=True)
class Wish:
    """What the user asked for."""

    seconds: float
    seed: int
    out: Path
    driver: str | None = None
    plant: str | None = None
    is_first_enough: bool = False
    verifier: str = ""
    """What Driver Verifier checks meanwhile."""
    is_fuzzed: bool = False
    """The driver's threads are disturbed."""
    shrinking: float = SHRINKING
    """Seconds."""


class Exploration:
    """A running lab, and what is explored with it."""

    def __init__(self, config: Config, lab: RunningLab, wish: Wish, ticker: Ticker) -> None:
        self._wish = wish
        model = load_model(config.model, config.device) if config.model else None
        fault = config.faults[wish.plant] if wish.plant else None
        interests = interests_of(model)
        self.ground = Ground(
            config,
            wish.driver or (fault.driver if fault else config.default_driver),
            interests if NAMES in lab.capabilities else replace(interests, names=()),
            kills=KILLS in lab.capabilities,
            plant=Plant(fault.ioctl, fault.input) if fault else None,
            watch=_watch(wish, fault),
        )
        self._session = ScenarioSession(lambda: lab, wish.out / "runs")
        self.notebook = Notebook(wish.out, self.ground, self._session, wish.seed)
        player = Player(self.ground, self._session, model)
        self.search = Search(
            player, wish.seed, wish.seconds, wish.is_first_enough, ticker.tell, self.notebook.take, wish.shrinking
        )

    def run(self) -> None:
        """Until the time is up, or Ctrl-C. Raises LabError."""
        try:
            self.search.run()
        except KeyboardInterrupt:
            pass
        finally:
            shutil.rmtree(self._wish.out / "runs", ignore_errors=True)


def _watch(wish: Wish, fault: FaultSpec | None) -> dict[str, Any]:
    """What every scenario has to say besides."""
    verifier = wish.verifier or (fault.verifier if fault else "")
    return ({"verifier": verifier} if verifier else {}) | (
        {"schedule": {"fuzzed": wish.seed}} if wish.is_fuzzed else {}
    )


def claimed_lab(config: Config) -> RunningLab:
    """The lab, brought up if it is down, for this process alone. Raises LabError."""
    lab = bringup.up(config, Progress())
    lab.claim()
    return lab


def explore_once(config: Config, wish: Wish) -> int:
    """0: nothing was found; 1: something was. Raises LabError."""
    lab = claimed_lab(config)
    try:
        return _explore(config, lab, wish)
    finally:
        lab.release()


def _explore(config: Config, lab: RunningLab, wish: Wish) -> int:
    with Ticker() as ticker:
        exploration = Exploration(config, lab, wish, ticker)
        ticker.line(f"seed {wish.seed}, driver {exploration.ground.driver}, {wish.seconds / 60:g} minutes")
        exploration.run()
    for line in _summary(exploration):
        ticker.line(line)
    return 1 if exploration.notebook.entries else 0


def _summary(exploration: Exploration) -> Iterator[str]:
    search = exploration.search
    tally = search.tally
    yield ""
    yield from tally.lines()
    yield f"{tally.cases} cases, {tally.operations} operations in {search.playing:.0f} s ({search.rate:.0f} a second)"
    if tally.undecided:
        yield f"{tally.undecided} cases were neither explained nor refuted in time"
    entries = exploration.notebook.entries
    yield f"found: {len(entries)}" if entries else "found: nothing"
    for entry in entries:
        yield ""
        yield from in_words(entry)
