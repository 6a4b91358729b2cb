"""Throws old artifacts away, by age, number and size; nothing of a failure before its own age."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import UsageError
from lab.report.run_record import RUN, RunRecord, read_run
from lab.results.record import runs_below

DAY = 86400.0
UNFINISHED = DAY
"""Seconds: a run without run.json that is younger may still go on."""


@dataclass(frozen=True)
class Keep:
    """What stays."""

    days: float = 30
    """Runs younger than this; older ones go."""
    runs: int = 200
    """So many runs, the newest."""
    gib: float = 20
    """So much room in all, as far as failures allow."""
    failure_days: float = 90
    """What a scenario left that ended badly stays for so long, whatever the other limits say."""


@dataclass(frozen=True)
class Piece:
    """Something that can go: a whole run, or the scenarios of one that ended well."""

    paths: tuple[Path, ...]
    size: int
    """Bytes."""
    age: float
    """Seconds."""
    place: int
    """Of its run among all, the newest is 0."""


def sweep(artifacts: Path, keep: Keep, *, now: float | None = None, dry: bool = False) -> list[Piece]:
    """Remove what is not to be kept below `artifacts`, oldest first; returns it. `dry`: remove nothing.

    Results stay in the history. Raises OSError.
    """
    moment = time.time() if now is None else now
    whole = _size(artifacts)
    gone = []
    for piece in sorted(_pieces(artifacts, keep, moment), key=lambda each: -each.age):
        if piece.age > keep.days * DAY or piece.place >= keep.runs or whole > keep.gib * (1 << 30):
            gone.append(piece)
            whole -= piece.size
    if not dry:
        for path in [path for piece in gone for path in piece.paths]:
            shutil.rmtree(path)
    return gone


def _pieces(artifacts: Path, keep: Keep, now: float) -> Iterator[Piece]:
    runs = sorted(_runs(artifacts), key=lambda run: -run.began)
    for place, run in enumerate(runs):
        age = now - run.began
        if not (run.directory / RUN).is_file() and age < UNFINISHED:
            continue
        paths = tuple(_removable(run, kept_whole=age <= keep.failure_days * DAY))
        if paths:
            yield Piece(paths, sum(map(_size, paths)), age, place)


def _runs(artifacts: Path) -> Iterator[RunRecord]:
    try:
        found = list(runs_below(artifacts))
    except UsageError:
        return
    for directory in found:
        try:
            yield read_run(directory)
        except UsageError:
            continue  # Nobody knows whether it failed: it stays.


def _removable(run: RunRecord, *, kept_whole: bool) -> Iterator[Path]:
    """The whole run; of one with a failure that is to be kept, the scenarios that ended well."""
    failed = {each.directory for each in run.outcomes if each.cause not in ("passed", "skipped")}
    if not failed or not kept_whole:
        yield run.directory
        return
    for outcome in run.outcomes:
        directory = run.directory / outcome.directory
        is_below = directory.parent == run.directory and directory.is_dir() and not directory.is_symlink()
        if is_below and outcome.directory not in failed:
            yield directory


def _size(path: Path) -> int:
    """Bytes on disk."""
    return sum(each.lstat().st_blocks * 512 for each in path.rglob("*") if each.is_symlink() or each.is_file())
