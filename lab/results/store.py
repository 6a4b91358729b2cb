"""The store of results: `artifacts/history.db`, its schema with its migrations, and how a run gets into it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from lab.errors import Cause, InfrastructureError, UsageError
from lab.report.run_record import BAD, SCENARIOS, Outcome, RunRecord

DATABASE = "history.db"
PATIENCE = 30.0
"""Seconds to wait for another process that writes."""

MIGRATIONS = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY, unique_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL,
        began REAL NOT NULL, ended REAL NOT NULL, seed INTEGER, directory TEXT NOT NULL
    );
    CREATE INDEX runs_by_time ON runs (began);
    CREATE TABLE tallies (run INTEGER NOT NULL, cause TEXT NOT NULL, count INTEGER NOT NULL, seconds REAL NOT NULL,
        PRIMARY KEY (run, cause)) WITHOUT ROWID;
    CREATE TABLE scenarios (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE signatures (id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, text TEXT NOT NULL);
    CREATE TABLE builds (
        id INTEGER PRIMARY KEY, driver TEXT NOT NULL, driver_hash TEXT NOT NULL, guest TEXT NOT NULL,
        image TEXT NOT NULL, verifier TEXT NOT NULL, UNIQUE (driver, driver_hash, guest, image, verifier)
    );
    -- bad: 1 speaks against the driver, 0 for it, NULL for neither
    CREATE TABLE results (
        run INTEGER NOT NULL, scenario INTEGER NOT NULL, build INTEGER NOT NULL, at REAL NOT NULL, bad INTEGER,
        cause TEXT NOT NULL, seconds REAL NOT NULL, signature INTEGER, seed INTEGER, directory TEXT NOT NULL,
        reason TEXT NOT NULL
    );
    CREATE INDEX results_by_run ON results (run);
    CREATE INDEX results_by_scenario ON results (scenario, bad, at);
    -- of one run: endings of one scenario on one build, and the seconds of the good ones
    CREATE TABLE scenario_tallies (
        began REAL NOT NULL, run INTEGER NOT NULL, scenario INTEGER NOT NULL, build INTEGER NOT NULL,
        good INTEGER NOT NULL, bad INTEGER NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (began, run, scenario, build)
    ) WITHOUT ROWID;
    CREATE INDEX results_by_signature ON results (signature, at) WHERE signature IS NOT NULL;
    """,
)
"""Each brings the schema one version further; those that were released are never edited."""


class Store:
    """The store in a file; made, or brought to this version, when it is opened.

    Raises UsageError for a file of a newer lab's or no database, InfrastructureError when it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.database = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
            self._migrate()
        except sqlite3.OperationalError as error:
            raise InfrastructureError(
                f"{path}: {error}", "see who else uses it, and whether the disk is full"
            ) from None
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{path} is no history: {error}", "move it away, and import the runs anew") from None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.database.close()

    def add(self, run: RunRecord) -> bool:
        """Put a run in; False when it was there already, as it is. What a drill crashed on purpose is only counted."""
        with _Transaction(self.database):
            known = self.database.execute(
                "SELECT id, ended, (SELECT sum(count) FROM tallies WHERE run = id) FROM runs WHERE unique_id = ?",
                (run.id,),
            ).fetchone()
            if known and known[1:] == (run.ended, len(run.outcomes)):
                return False
            if known:
                for table, key in (("results", "run"), ("tallies", "run"), ("scenario_tallies", "run"), ("runs", "id")):
                    self.database.execute(f"DELETE FROM {table} WHERE {key} = ?", known[:1])  # noqa: S608
            self._insert(run)
        return True

    def runs(self, last: int) -> list[RunRow]:
        """The newest runs, newest first."""
        rows = self.database.execute(
            "SELECT id, name, kind, began, ended FROM runs ORDER BY began DESC LIMIT ?", (last,)
        ).fetchall()
        tallies = "SELECT cause, count FROM tallies WHERE run = ? ORDER BY count DESC"
        return [
            RunRow(name, kind, began, ended, dict(self.database.execute(tallies, (number,)).fetchall()))
            for number, name, kind, began, ended in rows
        ]

    def count_since(self, moment: float, cause: str) -> int:
        """How many results of a cause the runs have that began since then (seconds since 1970)."""
        question = (
            "SELECT coalesce(sum(count), 0) FROM tallies JOIN runs ON runs.id = run WHERE began >= ? AND cause = ?"
        )
        return int(self.database.execute(question, (moment, cause)).fetchone()[0])

    def _migrate(self) -> None:
        with _Transaction(self.database):
            version = self.database.execute("PRAGMA user_version").fetchone()[0]
            if version > len(MIGRATIONS):
                raise UsageError(f"{self.path} is a newer lab's (version {version})", "use that lab")
            for number, migration in enumerate(MIGRATIONS[version:], version + 1):
                for statement in migration.split(";"):
                    self.database.execute(statement)
                self.database.execute(f"PRAGMA user_version = {number}")

    def _insert(self, run: RunRecord) -> None:
        inserted = self.database.execute(
            "INSERT INTO runs (unique_id, name, kind, began, ended, seed, directory) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (run.id, run.name, run.kind, run.began, run.ended, run.seed, str(run.directory.resolve())),
        )
        number = inserted.lastrowid
        seconds = {cause: sum(each.seconds for each in run.outcomes if each.cause == cause) for cause in run.counts}
        self.database.executemany(
            "INSERT INTO tallies VALUES (?, ?, ?, ?)",
            [(number, cause, count, seconds[cause]) for cause, count in run.counts.items()],
        )
        if run.kind != SCENARIOS:
            return
        scenario = self._keeper("scenarios", ("name",), 1)
        build = self._keeper("builds", ("driver", "driver_hash", "guest", "image", "verifier"), 5)
        signature = self._keeper("signatures", ("hash", "text"), 1)
        self.database.executemany(
            "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    number,
                    scenario(each.scenario),
                    build(each.driver, each.driver_hash, each.guest, each.image, each.verifier),
                    each.began or run.began,
                    _bad(each),
                    each.cause,
                    each.seconds,
                    signature(each.signature, each.signature_text) if each.signature else None,
                    each.seed,
                    each.directory,
                    each.reason,
                )
                for each in run.outcomes
            ],
        )
        self.database.execute(
            """
            INSERT INTO scenario_tallies
            SELECT ?1, run, scenario, build, count(*) - sum(bad), sum(bad), sum(seconds * (bad = 0)) FROM results
            WHERE run = ?2 AND bad IS NOT NULL GROUP BY scenario, build
            """,
            (run.began, number),
        )

    def _keeper(self, table: str, columns: tuple[str, ...], keys: int) -> Callable[..., int]:
        """Gives the number of a row with these values, made when it is new; the first `keys` columns identify it."""
        where = " AND ".join(f"{column} = ?" for column in columns[:keys])
        select = f"SELECT id FROM {table} WHERE {where}"  # noqa: S608
        marks = ", ".join("?" * len(columns))
        insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        seen: dict[tuple[str, ...], int] = {}

        def keep(*values: str) -> int:
            key = values[:keys]
            if key not in seen:
                row = self.database.execute(select, key).fetchone()
                seen[key] = row[0] if row else int(self.database.execute(insert, values).lastrowid or 0)
            return seen[key]

        return keep


@dataclass(frozen=True)
class RunRow:
    """A run in a list."""

    name: str
    kind: str
    began: float
    ended: float
    counts: dict[str, int]


class _Transaction:
    """All or nothing; the only writer from its beginning."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.execute("COMMIT" if kind is None else "ROLLBACK")


def _bad(outcome: Outcome) -> int | None:
    if outcome.cause == Cause.PASSED.value:
        return 0
    return 1 if outcome.cause in BAD and not outcome.known else None
