"""The table of bugs says what was found, by what, and what is wrong with it."""

from __future__ import annotations

from lab.errors import Cause

from .catalogue import BOTH, BUGS, FUZZED, PLAIN, VERIFIED, Bug, Way
from .hunt import Finding
from .table import Result, brief, markdown, with_brief

FOUND = Result(Finding((1.0, 2.0, 3.0), "0xC4 (0x62)"), [])
MISSED = Result(Finding((None,)), [])


def test_the_table_says_what_was_found_and_what_not() -> None:
    bug = Bug("leak", "never freed", VERIFIED, Cause.CRASHED)
    table = markdown([bug], [PLAIN, VERIFIED, BOTH], {(bug, PLAIN): MISSED, (bug, VERIFIED): FOUND}, 10, 60.0)
    assert "| leak | never freed | not found | **2.0 s: 0xC4 (0x62)** | not yet | silent |" in table


def test_the_readme_gets_the_gist_in_place_of_an_older_one() -> None:
    bug = Bug("leak", "example-fault: never freed", VERIFIED, Cause.CRASHED)
    results = {(bug, PLAIN): MISSED, (bug, VERIFIED): FOUND}
    gist = brief(markdown([bug], [PLAIN, VERIFIED], results, 10, 60.0), [PLAIN, VERIFIED])
    assert "| leak: never freed | verifier: 0xC4 (0x62) | 2.0 s | no checks |" in gist
    older = "| planted bug | found by | after | not found by |\n|---|---|---|---|\n| old | | | |"
    assert with_brief(f"# Lab\n\n{older}\n\nMore.\n", gist) == f"# Lab\n\n{gist}\n\nMore.\n"


def test_what_is_wrong_is_told() -> None:
    race = next(bug for bug in BUGS if bug.is_race)
    assert FOUND.is_right(race, FUZZED)
    assert not MISSED.is_right(race, FUZZED)
    assert MISSED.is_right(Bug("other", "", VERIFIED, Cause.CRASHED), Way("another", fuzzed=True))
    assert not Result(FOUND.finding, ["0xC4"]).is_right(race, PLAIN)
    assert Result.from_json(FOUND.to_json()) == FOUND
