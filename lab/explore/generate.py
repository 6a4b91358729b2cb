"""The cases that a seed stands for."""

from __future__ import annotations

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.configuration import set_hypothesis_home_dir

from lab.explore.case import Case
from lab.explore.ground import Ground
from lab.explore.strategies import cases


def make_cases(ground: Ground, seed: int, count: int) -> list[Case]:
    """About `count` different cases; the same ones for the same seed, ground, and version of Hypothesis.

    Nothing is run meanwhile: a guest is quick with many cases at once and slow with one.
    """
    # It would leave a directory wherever it is used.
    set_hypothesis_home_dir(ground.config.root / ".lab" / "hypothesis")
    made: list[Case] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(cases(ground))
    def keep(case: Case) -> None:
        made.append(case)

    keep()
    return made
