"""Where the store of a lab is, and how a run that has just ended gets into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.errors import UsageError
from lab.report.record import RESULT
from lab.report.run_record import RUN, RunRecord
from lab.results.store import DATABASE, Store
from lab.scenario.files import ARTIFACTS


def artifacts_of(root: Path) -> Path:
    """Where the runs of the lab in `root` are."""
    return root / ARTIFACTS


def open_history(root: Path) -> Store:
    """The store of the lab in `root`. Raises UsageError, InfrastructureError."""
    return Store(artifacts_of(root) / DATABASE)


def record(run: RunRecord) -> None:
    """Put a run into the store beside its directory. Raises UsageError, InfrastructureError."""
    with Store(run.directory.parent / DATABASE) as store:
        store.add(run)


def runs_below(directory: Path) -> Iterator[Path]:
    """The directory itself if it is a run's, else the runs in it; oldest name first. Raises UsageError: none."""
    if _is_run(directory):
        yield directory
        return
    runs = [each for each in sorted(directory.glob("*/")) if _is_run(each)]
    if not runs:
        raise UsageError(f"{directory} holds no run", "name artifacts, or a directory below it")
    yield from runs


def _is_run(directory: Path) -> bool:
    return (directory / RUN).is_file() or any(directory.glob(f"*/{RESULT}"))
