"""What is thrown away, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.report.run_files import write_run
from lab.results.retention import Keep, sweep

from .runs import NOW, outcome, run

EVERYTHING = Keep(days=1e6, runs=10**6, gib=1e6, failure_days=1e6)


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """Runs of 0, 10, ... 50 days ago; that of 40 days ago has a failure."""
    for day in range(0, 60, 10):
        directory = tmp_path / f"run{day}"
        outcomes = [outcome("good", directory="good"), outcome("s", "failed" if day == 40 else "passed", directory="s")]
        for each in outcomes:
            (directory / each.directory).mkdir(parents=True)
            (directory / each.directory / "kd.log").write_bytes(b"x" * 100_000)
        write_run(run(day, *outcomes, directory=directory))
    return tmp_path


def left(artifacts: Path) -> list[str]:
    return sorted(each.name for each in artifacts.iterdir())


def swept(artifacts: Path, **more: float) -> list[str]:
    sweep(artifacts, Keep(**(vars(EVERYTHING) | more)), now=NOW + 1)
    return left(artifacts)


def test_everything_stays_that_may(artifacts: Path) -> None:
    assert len(swept(artifacts)) == 6


def test_age(artifacts: Path) -> None:
    assert swept(artifacts, days=25) == ["run0", "run10", "run20", "run40"]
    assert sorted(each.name for each in (artifacts / "run40").glob("*/")) == ["s"]
    assert (artifacts / "run40" / "run.json").is_file()


def test_number(artifacts: Path) -> None:
    assert swept(artifacts, runs=2) == ["run0", "run10", "run40"]


def test_size_takes_the_oldest_but_no_failure(artifacts: Path) -> None:
    assert swept(artifacts, gib=700_000 / (1 << 30)) == ["run0", "run10", "run40"]
    assert swept(artifacts, gib=0) == ["run40"]


def test_a_failure_goes_at_its_age(artifacts: Path) -> None:
    assert "run40" in swept(artifacts, days=1, failure_days=41)
    assert "run40" not in swept(artifacts, days=1, failure_days=39)


def test_what_may_still_run_or_is_no_run_stays(artifacts: Path) -> None:
    (artifacts / "run0" / "run.json").unlink()
    (artifacts / "run0" / "good" / "result.json").write_text(f'{{"scenario": "s", "began": {NOW - 60}}}')
    (artifacts / "notes").mkdir()
    assert swept(artifacts, gib=0) == ["notes", "run0", "run40"]


def test_a_dry_sweep_removes_nothing(artifacts: Path) -> None:
    gone = sweep(artifacts, Keep(days=25), now=NOW, dry=True)
    assert len(gone) == 3
    assert len(left(artifacts)) == 6


def test_no_artifacts_are_nothing_to_sweep(tmp_path: Path) -> None:
    assert sweep(tmp_path / "none", Keep()) == []
