"""What the nightly page asks of the store. Times are in seconds since 1970, rates are of results with a verdict."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from lab.replay.rate import rate_text

DAY = 86400.0
MEMORY = 14 * DAY
"""How far back a scenario counts as having failed before, or as flaky."""
TREND = 90 * DAY


@dataclass(frozen=True)
class Standing:
    """How a scenario did since some moment, and before."""

    scenario: str
    bad: int
    good: int
    bad_before: int
    """Within MEMORY before that moment."""
    last_bad: float | None
    """Before that moment; so is the next."""
    last_good: float | None
    first_failure: float | None
    """Of all times."""
    reason: str
    """Of the newest failure."""
    directory: str
    """Of the newest failure."""

    @property
    def is_new_failure(self) -> bool:
        return self.bad > 0 and self.bad_before == 0

    @property
    def is_still_bad(self) -> bool:
        return self.bad > 0 and self.bad_before > 0

    @property
    def is_fixed(self) -> bool:
        return self.bad == 0 and self.good > 0 and (self.last_bad or 0.0) > (self.last_good or 0.0)


@dataclass(frozen=True)
class Flaky:
    """A scenario that ended well and badly on one build of the driver and one guest image."""

    scenario: str
    bad: int
    total: int

    @property
    def rate(self) -> str:
        return rate_text(self.bad, self.total)


@dataclass(frozen=True)
class KnownSignature:
    """A crash signature over time."""

    hash: str
    text: str
    first: float
    last: float
    count: int
    since: int
    """How often since the moment in question."""


@dataclass(frozen=True)
class Night:
    """A run, for the trends."""

    name: str
    began: float
    good: int
    bad: int
    other: int
    seconds: float


@dataclass(frozen=True)
class MatrixPoint:
    """Results since the moment, by where they ran."""

    guest: str
    driver: str
    verifier: str
    bad: int
    total: int


@dataclass(frozen=True)
class Slower:
    """A scenario that takes another time than before; seconds, means."""

    scenario: str
    now: float
    before: float


def newest_run(database: sqlite3.Connection) -> float | None:
    """When the newest run of scenarios began."""
    row = database.execute("SELECT max(began) FROM runs WHERE kind = 'scenarios'").fetchone()
    return None if row is None else row[0]


def standings(database: sqlite3.Connection, since: float) -> list[Standing]:
    """Of each scenario with a verdict since then that failed, or failed the last time before."""
    rows = database.execute(
        """
        WITH lately AS (
            SELECT scenario, sum(bad * (began >= :since)) AS bad, sum(good * (began >= :since)) AS good,
                sum(bad * (began < :since)) AS bad_before
            FROM scenario_tallies WHERE began >= :memory GROUP BY scenario HAVING max(began) >= :since
        ), told AS (
            SELECT *,
                (SELECT max(at) FROM results WHERE scenario = lately.scenario AND bad = 1 AND at < :since) AS bad_at,
                (SELECT max(at) FROM results WHERE scenario = lately.scenario AND bad = 0 AND at < :since) AS good_at,
                (SELECT max(rowid) FROM results WHERE scenario = lately.scenario AND bad = 1 AND at >= :since) AS newest
            FROM lately
        )
        SELECT scenarios.name, told.bad, good, bad_before, bad_at, good_at,
            (SELECT min(at) FROM results WHERE scenario = told.scenario AND bad = 1),
            coalesce(reason, ''), coalesce(runs.directory || '/' || results.directory, '')
        FROM told JOIN scenarios ON scenarios.id = told.scenario
            LEFT JOIN results ON results.rowid = newest LEFT JOIN runs ON runs.id = run
        WHERE told.bad > 0 OR bad_at > coalesce(good_at, 0) ORDER BY scenarios.name
        """,
        {"since": since, "memory": since - MEMORY},
    )
    return [Standing(*row) for row in rows]


def flaky(database: sqlite3.Connection, since: float) -> list[Flaky]:
    """Those with both endings within MEMORY before then, or since; the worst first."""
    rows = database.execute(
        """
        SELECT name, sum(bad), sum(total) FROM (
            SELECT scenario, sum(bad) AS bad, sum(good + bad) AS total FROM scenario_tallies
            WHERE began >= ? GROUP BY scenario, build HAVING sum(bad) > 0 AND sum(good) > 0
        ) JOIN scenarios ON scenarios.id = scenario GROUP BY scenario ORDER BY sum(bad) * 1.0 / sum(total) DESC, name
        """,
        (since - MEMORY,),
    )
    return [Flaky(*row) for row in rows]


def signatures(database: sqlite3.Connection, since: float) -> list[KnownSignature]:
    """All that were seen within TREND before then, or since; the one that is newest first."""
    rows = database.execute(
        """
        SELECT hash, text, min(at), max(at), count(*), sum(at >= :since)
        FROM results CROSS JOIN signatures ON signatures.id = signature
        WHERE signature IS NOT NULL GROUP BY signature HAVING max(at) >= :memory ORDER BY min(at) DESC
        """,
        {"since": since, "memory": since - TREND},
    )
    return [KnownSignature(*row) for row in rows]


def nights(database: sqlite3.Connection, since: float) -> list[Night]:
    """The runs of scenarios within TREND before then, and since; in order."""
    rows = database.execute(
        """
        SELECT name, began, sum(count * (cause = 'passed')),
            sum(count * (cause IN ('failed', 'crashed', 'hung', 'guest-lost'))),
            sum(count * (cause NOT IN ('passed', 'failed', 'crashed', 'hung', 'guest-lost'))), sum(seconds)
        FROM runs JOIN tallies ON run = runs.id WHERE kind = 'scenarios' AND began >= ? GROUP BY runs.id ORDER BY began
        """,
        (since - TREND,),
    )
    return [Night(*row) for row in rows]


def matrix(database: sqlite3.Connection, since: float) -> list[MatrixPoint]:
    """Results with a verdict since then, by guest, driver and Driver Verifier's settings."""
    rows = database.execute(
        """
        SELECT guest, driver, verifier, sum(bad), sum(total) FROM (
            SELECT build, sum(bad) AS bad, sum(good + bad) AS total FROM scenario_tallies
            WHERE began >= ? GROUP BY build
        ) JOIN builds ON builds.id = build GROUP BY guest, driver, verifier ORDER BY guest, driver, verifier
        """,
        (since,),
    )
    return [MatrixPoint(*row) for row in rows]


def slower(database: sqlite3.Connection, since: float) -> list[Slower]:
    """Scenarios that take half as long again as within MEMORY before then, and half a second more at least."""
    rows = database.execute(
        """
        SELECT name, now, before FROM (
            SELECT scenario,
                sum(seconds * (began >= :since)) / nullif(sum(good * (began >= :since)), 0) AS now,
                sum(seconds * (began < :since)) / nullif(sum(good * (began < :since)), 0) AS before
            FROM scenario_tallies WHERE began >= :memory AND good > 0 GROUP BY scenario
        ) JOIN scenarios ON scenarios.id = scenario
        WHERE now > before * 1.5 AND now > before + 0.5 ORDER BY now - before DESC
        """,
        {"since": since, "memory": since - MEMORY},
    )
    return [Slower(*row) for row in rows]
