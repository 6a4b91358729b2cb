"""What a run leaves beside its scenarios' directories: run.json, junit.xml, report.html."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from lab.report.junit import write_junit
from lab.report.run_record import RUN, SCENARIOS, Outcome, RunRecord, attestation, gather
from lab.report.run_report import write_run_report


def finish_run(
    directory: Path,
    began: float,
    *,
    kind: str = SCENARIOS,
    seed: int | None = None,
    without_directory: Sequence[Outcome] = (),
) -> RunRecord | None:
    """Write the three files; returns the run, or None when nothing was run.

    `began` is in seconds since 1970; `without_directory` are scenarios that left nothing, as when the lab did not come
    up. Raises OSError.
    """
    outcomes = (*gather(directory), *without_directory)
    if not outcomes:
        return None
    directory.mkdir(parents=True, exist_ok=True)
    run = RunRecord(
        directory, uuid.uuid4().hex, directory.name, began, time.time(), kind, seed,
        attestation(directory, outcomes), outcomes,
    )  # fmt: skip
    write_run(run)
    return run


def write_run(run: RunRecord) -> None:
    """Write the three files of a run anew, run.json last: with it the run is complete. Raises OSError."""
    write_junit(run)
    write_run_report(run)
    partial = run.directory / f".{RUN}.partial"
    partial.write_text(json.dumps(run.to_json(), indent=1) + "\n", encoding="utf-8")
    partial.replace(run.directory / RUN)
