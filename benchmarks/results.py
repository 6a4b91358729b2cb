"""A million results in the history: how long the nightly page's questions take."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.config import Config
from lab.results import questions
from lab.results.page import YESTERDAY, ask, page
from lab.results.store import Store

DAYS = 100
EACH = 10_000
SCENARIOS = 1_000
TIMES = 3


def measure(_: Config | None = None) -> None:
    """Print the time of each question, the best of three."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from results.runs import many_runs

    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "history.db") as store:
        begin = time.monotonic()
        for run in many_runs(DAYS, EACH, SCENARIOS):
            store.add(run)
        size = store.path.stat().st_size / 1e6
        print(f"  {DAYS * EACH:,} results made and added in {time.monotonic() - begin:.0f} s, {size:.0f} MB")
        newest = questions.newest_run(store.database)
        assert newest is not None
        asked: list[Callable[..., Any]] = [
            questions.standings,
            questions.flaky,
            questions.signatures,
            questions.nights,
            questions.matrix,
            questions.slower,
        ]
        for question in asked:
            print(f"  {question.__name__:<12} {_best(question, store.database, newest - YESTERDAY):7.0f} ms")
        morning = ask(store.database)
        print(f"  {'the page':<12} {_best(page, morning, store.path.parent):7.0f} ms")


def _best(what: Callable[..., Any], *arguments: Any) -> float:
    """Milliseconds."""
    times = []
    for _ in range(TIMES):
        begin = time.monotonic()
        what(*arguments)
        times.append(time.monotonic() - begin)
    return min(times) * 1000


if __name__ == "__main__":
    measure()
