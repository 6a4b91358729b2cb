"""`report.html` of a run: every scenario, failures first, one page that needs nothing but a browser.

Pictures and kd log stand in it compressed; the page's script unpacks what is looked at. Verdicts, failures and crash
reports are there without it.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.document import printable
from lab.errors import UsageError
from lab.report.picture import draw
from lab.report.record import HTML, RESULT, Record, read_record
from lab.report.run_record import BAD, Outcome, RunRecord
from lab.report.scenario_report import facts_of, log_lines, replay_command
from lab.report.templates import own_file, render, source_hash
from lab.report.timeline import timeline_of

MAX_LOG_LINES = 200_000
"""Of the kd logs of all scenarios."""
MAX_PICTURES = 8 << 20
"""Bytes of all pictures, as they stand in the page."""
MAX_DETAILED = 200
"""Scenarios whose failures and crashes are told at length; the others have pages of their own."""
MAX_CRASH_LINES = 120
_ORDER = ("crashed", "guest-lost", "hung", "failed", "infrastructure", "usage", "unknown")
_LAST = ("skipped", "passed")


@dataclass
class Card:
    """A scenario on the page."""

    outcome: Outcome
    record: Record | None = None
    """What it left; None when it left nothing, or its page has to tell."""
    picture: str = ""
    """Compressed."""
    crash: str = ""
    replay: str = ""
    link: str = ""
    lines: int = 0


@dataclass
class _Log:
    """The kd logs of all scenarios in columns: what is repeated stands once."""

    kinds: dict[str, int] = field(default_factory=dict)
    origins: dict[str, int] = field(default_factory=dict)
    lines: list[tuple[int, str, int, int, str]] = field(default_factory=list)
    left_out: int = 0

    def add(self, number: int, record: Record) -> int:
        """Take a scenario's lines; returns how many there are."""
        count = 0
        for line in log_lines(record):
            if len(self.lines) >= MAX_LOG_LINES:
                self.left_out += 1
                continue
            count += 1
            kind = self.kinds.setdefault(printable(line.kind, 12), len(self.kinds))
            origin = self.origins.setdefault(line.origin, len(self.origins))
            self.lines.append((number, line.time, kind, origin, line.text))
        return count

    def packed(self, scenarios: list[str]) -> str:
        columns = {
            "scenarios": scenarios,
            "kinds": list(self.kinds),
            "origins": list(self.origins),
            "lines": self.lines,
        }
        return _packed(json.dumps(columns, ensure_ascii=False, separators=(",", ":")))


def write_run_report(run: RunRecord) -> Path:
    """Make the run's report.html of what it left in its directory. Raises OSError."""
    path = run.directory / HTML
    path.write_text(run_report(run), encoding="utf-8", errors="replace")
    return path


def run_report(run: RunRecord) -> str:
    """The page: self-contained, its only script is its own; the guest's text is escaped and bounded."""
    log, room = _Log(), MAX_PICTURES
    cards = []
    for number, outcome in enumerate(sorted(run.outcomes, key=_rank)):
        card = _card(number, run, outcome, log)
        if len(card.picture) > room:
            card.picture = ""
        room -= len(card.picture)
        cards.append(card)
    script = own_file("run.js")
    return render(
        "run.html",
        run=run,
        cards=cards,
        bad=BAD,
        style=own_file("page.css") + own_file("run.css"),
        script=script,
        script_hash=source_hash(script),
        causes=sorted(run.counts, key=_place),
        began=datetime.fromtimestamp(run.began, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        minutes=f"{(run.ended - run.began) / 60:.1f}",
        log=log.packed([printable(card.outcome.scenario, 200) for card in cards]),
        log_lines=len(log.lines),
        log_left_out=log.left_out,
        guest=next((f"{each.guest} {each.image[:12]}" for each in run.outcomes if each.image), ""),
        facts=list(_facts(run)),
    )


def _card(number: int, run: RunRecord, outcome: Outcome, log: _Log) -> Card:
    card = Card(outcome)
    directory = run.directory / outcome.directory
    if not outcome.directory or not (directory / RESULT).is_file():
        return card
    try:
        record = read_record(directory)
    except UsageError:
        return card
    timeline = timeline_of(record)
    if timeline.rows:
        card.picture = _packed(draw(timeline))
    card.lines = log.add(number, record)
    card.link = HTML if HTML in record.files else RESULT
    if number < MAX_DETAILED and outcome.cause not in _LAST:
        card.record = record
        card.crash = "\n".join(record.crash_lines[:MAX_CRASH_LINES])
    if any(name.startswith("replay/") for name in record.files):
        card.replay = replay_command(record)
    return card


def _rank(outcome: Outcome) -> tuple[int, bool, float]:
    return _place(outcome.cause), outcome.known, outcome.began


def _place(cause: str) -> int:
    if cause in _LAST:
        return len(_ORDER) + 1 + _LAST.index(cause)
    return _ORDER.index(cause) if cause in _ORDER else len(_ORDER)


def _facts(run: RunRecord) -> Iterator[tuple[str, str]]:
    yield "run", run.id
    if run.seed is not None:
        yield "seed", str(run.seed)
    result: dict[str, Any] = {"from": dict(run.attestation)}
    yield from facts_of(Record(run.directory, result))


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), 6, mtime=0)).decode()
