"""The store of results, and what is asked of it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.report.run_record import DRILL, begin_run, read_run
from lab.results import questions
from lab.results.page import ask, page, summary, write_page
from lab.results.store import MIGRATIONS, Store

from .runs import DAY, NOW, many_runs, outcome, run

TODAY = NOW - DAY / 2


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "history.db") as opened:
        yield opened


def names(found: list[questions.Standing]) -> list[str]:
    return [each.scenario for each in found]


def test_a_run_is_added_once_and_replaced_when_it_went_on(store: Store) -> None:
    first = run(1, outcome("a"), outcome("b", "failed"))
    assert store.add(first)
    assert not store.add(first)
    assert store.runs(9)[0].counts == {"passed": 1, "failed": 1}
    assert store.add(run(1, outcome("a"), outcome("b"), outcome("c")))
    assert [each.counts for each in store.runs(9)] == [{"passed": 3}]
    assert store.database.execute("SELECT count(*) FROM results").fetchone() == (3,)


def test_what_a_drill_crashes_on_purpose_is_no_failure(store: Store) -> None:
    store.add(run(0, outcome("fault", "crashed", signature="0", signature_text="x"), kind="drill"))
    store.add(run(0, outcome("a"), id="other"))
    morning = ask(store.database)
    assert (morning.standings, morning.signatures) == ([], [])


def test_new_fixed_and_still_bad_are_told_apart(store: Store) -> None:
    store.add(run(30, outcome("long ago", "failed")))
    store.add(run(1, outcome("new"), outcome("fixed", "failed"), outcome("still", "hung"), outcome("good")))
    bad = outcome("new", "failed", reason="got 4")
    store.add(run(0, bad, outcome("fixed"), outcome("still", "hung"), outcome("good"), outcome("long ago", "failed")))
    morning = ask(store.database)
    assert names(morning.new_failures) == ["long ago", "new"]
    assert names(morning.fixed) == ["fixed"]
    assert names(morning.still_bad) == ["still"]
    assert morning.is_changed
    long_ago, new = morning.new_failures
    assert new.reason == "got 4"
    assert (long_ago.first_failure, new.first_failure) == (NOW - 30 * DAY, NOW)
    assert "new failure: new: got 4" in summary(morning)
    assert morning.headline == "2 new failures, 1 still bad, 1 fixed"


def test_neither_skips_nor_our_own_failures_nor_known_ones_speak_against_a_scenario(store: Store) -> None:
    store.add(run(1, outcome("a"), outcome("b"), outcome("c")))
    store.add(run(0, outcome("a", "skipped"), outcome("b", "infrastructure"), outcome("c", "failed", known=True)))
    morning = ask(store.database)
    assert morning.standings == []
    assert not morning.is_changed
    assert morning.headline == "nothing broke, nothing is bad"


def test_flaky_is_both_endings_on_one_build(store: Store) -> None:
    often = (outcome("flaky", "failed" if i == 3 else "passed") for i in range(20))
    store.add(run(1, *often, outcome("built anew", "failed")))
    store.add(run(0, outcome("built anew", driver_hash="d2"), outcome("flaky")))
    (found,) = questions.flaky(store.database, TODAY)
    assert found.scenario == "flaky"
    assert found.rate == "1 of 21 (5%; 95% confidence: 1% to 23%)"


def test_signatures_have_a_first_time(store: Store) -> None:
    store.add(run(1, outcome("s", "crashed", signature="0a", signature_text="BAD old")))
    again = outcome("s", "crashed", signature="0a", signature_text="BAD old")
    store.add(run(0, again, outcome("s", "crashed", signature="0b", signature_text="BAD new")))
    found = ask(store.database)
    assert [(each.hash, each.count, each.since) for each in found.signatures] == [("0b", 1, 1), ("0a", 2, 1)]
    assert [each.text for each in found.new_signatures] == ["BAD new"]


def test_the_matrix_and_the_durations(store: Store) -> None:
    store.add(run(1, outcome("a"), outcome("b", seconds=0.1)))
    store.add(run(0, outcome("a", seconds=9.0), outcome("b", "failed", verifier="standard", seconds=9.0)))
    (off, standard) = questions.matrix(store.database, TODAY)
    assert (off.guest, off.driver, off.verifier, off.bad, off.total) == ("wine", "direct", "off", 0, 1)
    assert (standard.verifier, standard.bad) == ("standard", 1)
    assert [(each.scenario, each.now) for each in questions.slower(store.database, TODAY)] == [("a", 9.0)]


def test_the_page_escapes_what_came_from_the_guest(store: Store, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    store.add(
        run(0, outcome(evil, "crashed", reason=evil, driver=evil, guest=evil, verifier=evil, signature=evil), name=evil)
    )
    text = page(ask(store.database), tmp_path)
    assert "<script" not in text
    assert "&lt;script" in text


def test_the_page_says_what_is_otherwise(store: Store, tmp_path: Path) -> None:
    directory = tmp_path / "artifacts" / "run"
    (directory / "a").mkdir(parents=True)
    (directory / "a" / "report.html").touch()
    store.add(run(0, outcome("a", "failed", directory="a"), directory=directory))
    write_page(ask(store.database), tmp_path / "artifacts" / "history.html")
    text = (tmp_path / "artifacts" / "history.html").read_text()
    assert '<a href="run/a/report.html">a</a>' in text
    assert text.count("<svg") == 2
    assert "1 of 1" in text


def test_an_empty_history_says_so(store: Store) -> None:
    with pytest.raises(UsageError, match="no run yet"):
        ask(store.database)


def test_a_store_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all, but long enough to look like one" * 20)
    with pytest.raises(UsageError, match="is no history"):
        Store(tmp_path / "text.db")
    newer = sqlite3.connect(tmp_path / "newer.db")
    newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    newer.close()
    with pytest.raises(UsageError, match="newer lab"):
        Store(tmp_path / "newer.db")


def test_each_older_schema_is_brought_to_this_one(tmp_path: Path) -> None:
    with Store(tmp_path / "new.db") as new:
        wanted = new.database.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    for version in range(len(MIGRATIONS)):
        path = tmp_path / f"{version}.db"
        old = sqlite3.connect(path)
        old.executescript("".join(MIGRATIONS[:version]) + f"PRAGMA user_version = {version}")
        old.close()
        with Store(path) as migrated:
            assert migrated.database.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall() == wanted


def test_two_processes_may_add_at_once(tmp_path: Path, store: Store) -> None:
    with Store(tmp_path / "history.db") as other:
        assert store.add(run(0, outcome("a")))
        assert other.add(run(1, outcome("a")))
        assert not other.add(run(0, outcome("a")))


@pytest.mark.slow
def test_the_page_of_a_long_history_is_asked_for_quickly(store: Store) -> None:
    for each in many_runs(20, 2000, 400):
        store.add(each)
    begin = time.process_time()
    morning = ask(store.database)
    assert time.process_time() - begin < 1
    assert morning.flaky
    assert len(morning.nights) == 20


def test_the_page_of_a_night_says_which_part_went_badly(store: Store, tmp_path: Path) -> None:
    store.add(run(0, outcome("a")))
    morning = replace(ask(store.database), parts={"scenarios": "good", "drill": "bad"})
    text = page(morning, tmp_path)
    assert '<header class="failed">' in text
    assert 'scenarios good, drill <strong class="bad">bad</strong>' in text


def test_a_drill_that_was_cut_off_is_no_run_of_scenarios(store: Store, tmp_path: Path) -> None:
    begun = tmp_path / "20260102-030405"
    begin_run(begun, DRILL)
    (begun / "null-write").mkdir()
    (begun / "null-write" / "result.json").write_text('{"scenario": "null-write", "cause": "crashed", "began": 1}')
    assert read_run(begun).kind == "drill"
    store.add(read_run(begun))
    with pytest.raises(UsageError, match="has no run yet"):
        ask(store.database)
