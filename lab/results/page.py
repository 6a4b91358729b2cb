"""The nightly page, and its few lines of text: what is otherwise than yesterday."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from markupsafe import Markup

from lab.document import printable
from lab.errors import UsageError
from lab.report.record import HTML
from lab.report.templates import own_file, render
from lab.results import questions
from lab.results.plot import plot
from lab.results.questions import Flaky, KnownSignature, MatrixPoint, Night, Slower, Standing

YESTERDAY = 20 * 3600.0
"""Seconds before the newest run from which on all counts as today's; last night's run is older."""
MAX_ROWS = 200
MAX_NIGHTS = 300
MAX_TOLD = 10


@dataclass(frozen=True)
class Morning:
    """Everything that the page says."""

    since: float
    standings: Sequence[Standing]
    flaky: Sequence[Flaky]
    signatures: Sequence[KnownSignature]
    nights: Sequence[Night]
    matrix: Sequence[MatrixPoint]
    slower: Sequence[Slower]
    parts: Mapping[str, str] = field(default_factory=dict)
    """How the parts of a night went, in a word each; empty when it is no night that is told of."""

    @property
    def is_bad(self) -> bool:
        """Something speaks against the driver, or was not done."""
        return bool(self.new_failures or self.still_bad) or any(each != "good" for each in self.parts.values())

    @property
    def new_failures(self) -> list[Standing]:
        return [each for each in self.standings if each.is_new_failure]

    @property
    def still_bad(self) -> list[Standing]:
        return [each for each in self.standings if each.is_still_bad]

    @property
    def fixed(self) -> list[Standing]:
        return [each for each in self.standings if each.is_fixed]

    @property
    def new_signatures(self) -> list[KnownSignature]:
        return [each for each in self.signatures if each.first >= self.since]

    @property
    def is_changed(self) -> bool:
        """Whether anybody has to be told: something broke, or was put right."""
        return bool(self.new_failures or self.fixed or self.new_signatures)

    @property
    def headline(self) -> str:
        """`2 new failures, 1 still bad, 1 fixed, 1 new signature`."""
        counts = {
            "new failure": len(self.new_failures),
            "still bad": len(self.still_bad),
            "fixed": len(self.fixed),
            "new signature": len(self.new_signatures),
        }
        told = [f"{count} {_plural(name, count)}" for name, count in counts.items() if count]
        return ", ".join(told) or "nothing broke, nothing is bad"


def ask(database: sqlite3.Connection, since: float | None = None) -> Morning:
    """All of it. Without `since` (seconds since 1970): yesterday. Raises UsageError when no run is known."""
    newest = questions.newest_run(database)
    if newest is None:
        raise UsageError("the history has no run yet", "`pytest scenarios` adds one; lab history import DIR others")
    moment = newest - YESTERDAY if since is None else since
    return Morning(
        moment,
        questions.standings(database, moment),
        questions.flaky(database, moment),
        questions.signatures(database, moment),
        questions.nights(database, moment),
        questions.matrix(database, moment),
        questions.slower(database, moment),
    )


def write_page(morning: Morning, path: Path) -> None:
    """Write the page; its links lead to the runs' reports, relative to it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(morning, path.parent), encoding="utf-8", errors="replace")


def page(morning: Morning, place: Path) -> str:
    """The page as it stands in the directory `place`: self-contained, without any script."""
    nights = morning.nights[-MAX_NIGHTS:]
    days = [day(night.began) for night in nights]
    endings = [
        ("good", [float(each.good) for each in nights]),
        ("other", [float(each.other) for each in nights]),
        ("bad", [float(each.bad) for each in nights]),
    ]
    minutes = [("time", [each.seconds / 60 for each in nights])]
    return render(
        "history.html",
        morning=morning,
        style=own_file("page.css") + own_file("history.css"),
        since=datetime.fromtimestamp(morning.since, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        max_rows=MAX_ROWS,
        day=day,
        link=lambda standing: _link(standing.directory, place),
        endings=Markup(plot(days, endings, name="endings of each run")),  # noqa: S704  (escapes what it draws)
        minutes=Markup(plot(days, minutes, " min", name="minutes of each run")),  # noqa: S704
        tables=list(_tables(morning.matrix)),
    )


def summary(morning: Morning) -> str:
    """For a chat or a mail: the headline, and what it is about; printable, bounded."""
    return "\n".join([morning.headline, *_told(morning)]) + "\n"


def _told(morning: Morning) -> Iterator[str]:
    for name, standings in (("new failure", morning.new_failures), ("fixed", morning.fixed)):
        for each in standings[:MAX_TOLD]:
            why = f": {each.reason}" if each.reason else ""
            yield printable(f"  {name}: {each.scenario}{why}", 300)
        if len(standings) > MAX_TOLD:
            yield f"  and {len(standings) - MAX_TOLD} more"
    for signature in morning.new_signatures[:MAX_TOLD]:
        yield printable(f"  new signature {signature.hash}: {signature.text}", 300)


def _plural(name: str, count: int) -> str:
    return f"{name}s" if name.startswith("new") and count > 1 else name


def day(moment: float | None) -> str:
    """A day in UTC; empty for never."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d") if moment else ""


def _link(directory: str, place: Path) -> str:
    path = Path(directory) / HTML
    return os.path.relpath(path, place.resolve()) if directory and path.is_file() else ""


@dataclass(frozen=True)
class Table:
    """The matrix of one guest: a row for each driver, a column for each setting of Driver Verifier."""

    guest: str
    settings: Sequence[str]
    rows: Sequence[tuple[str, Sequence[MatrixPoint | None]]]


def _tables(points: Sequence[MatrixPoint]) -> Iterator[Table]:
    for guest in dict.fromkeys(each.guest for each in points):
        own = {(each.driver, each.verifier): each for each in points if each.guest == guest}
        settings = sorted({verifier for _, verifier in own}, key=lambda each: (each != "off", each))
        drivers = sorted({driver for driver, _ in own})
        rows = [(driver, [own.get((driver, setting)) for setting in settings]) for driver in drivers]
        yield Table(guest or "unknown", settings, rows)
