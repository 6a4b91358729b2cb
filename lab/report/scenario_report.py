"""The report of one scenario, made from its directory alone: report.txt and report.html."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lab.document import printable
from lab.kd.entry import LogEntry
from lab.report.picture import draw
from lab.report.record import HTML, MAX_LINE, Record, read_record
from lab.report.templates import own_file, render
from lab.report.text_report import text_report
from lab.report.timeline import Timeline, timeline_of

TEXT = "report.txt"
MAX_LINES = 2000
"""Of the kd log, the last ones."""
MAX_FACT = 400
MAX_FACTS = 100
MAX_NAME = 100


@dataclass(frozen=True)
class LogLine:
    """One line of the kd log, ready to be shown."""

    time: str
    kind: str
    origin: str
    text: str


def write_report(directory: Path, place: Path | None = None) -> Path:
    """Make report.txt and report.html of a scenario's directory anew; returns the HTML's path.

    Reads only what is in the directory; `place` is where it will lie when it is still being made. Raises UsageError
    when it holds no result.
    """
    record = read_record(directory, place)
    timeline = timeline_of(record)
    (directory / TEXT).write_text(text_report(record, timeline), encoding="utf-8", errors="replace")
    path = directory / HTML
    path.write_text(html_report(record, timeline), encoding="utf-8", errors="replace")
    return path


def html_report(record: Record, timeline: Timeline) -> str:
    """The page: self-contained, no script, nothing from elsewhere; the guest's text is escaped and bounded."""
    lines = list(log_lines(record))
    return render(
        "scenario.html",
        record=record,
        style=own_file("page.css"),
        timeline=timeline,
        picture=Markup(draw(timeline)) if timeline.rows else "",  # noqa: S704  (escapes what it draws)
        crash="\n".join(record.crash_lines),
        lines=lines[-MAX_LINES:],
        left_out=max(0, len(lines) - MAX_LINES),
        source=source_lines(record),
        facts=list(facts_of(record)),
        replay=replay_command(record),
        began=began(record),
    )


def replay_command(record: Record) -> str:
    """What runs it again."""
    return f"lab replay {shlex.quote(str(record.directory))}"


def began(record: Record) -> str:
    """When the scenario began, in UTC."""
    value = record.result.get("began")
    if not isinstance(value, int | float) or not 0 <= value < 1 << 36:
        return ""
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def log_lines(record: Record) -> Iterator[LogLine]:
    """The kd log without the traffic program's announcements."""
    first = record.entries[0].t if record.entries else 0.0
    for entry in record.entries:
        if "marker" in entry.extras:
            continue
        for text in entry.text.rstrip("\n").split("\n"):
            yield LogLine(f"{entry.t - first:.3f}", entry.kind, _origin(entry), printable(text, MAX_LINE))


def _origin(entry: LogEntry) -> str:
    step, actor = entry.extras.get("step"), entry.extras.get("actor")
    parts = [f"step {step}"] if isinstance(step, str) else []
    return printable(", ".join(parts + ([actor] if isinstance(actor, str) else [])), 80)


def source_lines(record: Record) -> list[tuple[int, str, bool]]:
    """The scenario's file: number, text and whether an expectation failed there."""
    failed = {each.line for each in record.failures}
    lines = record.source.rstrip("\n").split("\n") if record.source else []
    return [(number, printable(line, MAX_LINE), number in failed) for number, line in enumerate(lines[:MAX_LINES], 1)]


def facts_of(record: Record) -> Iterator[tuple[str, str]]:
    """Where the result comes from, by name; what is long (the packages) is counted only."""
    came_from = record.result.get("from")
    for name, value in {
        "point": record.result.get("point"),
        "isolation": record.result.get("isolation"),
        "driver": record.result.get("driver"),
        **(came_from if isinstance(came_from, dict) else {}),
        "timings": record.result.get("timings"),
    }.items():
        if name == "packages" and isinstance(value, dict):
            yield name, f"{len(value)} (all of them are in result.json)"
        elif isinstance(value, dict):
            for key, each in list(value.items())[:MAX_FACTS]:
                yield printable(f"{name}: {key}", MAX_NAME), _fact(each)
        elif value not in (None, "", []):
            yield printable(name, MAX_NAME), _fact(value)


def _fact(value: Any) -> str:
    return printable(value if isinstance(value, str) else str(value), MAX_FACT)
