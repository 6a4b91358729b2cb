"""The table of bugs says what was found, by what, and what is wrong with it."""

from __future__ import annotations

from lab.errors import Cause

from .catalogue import BOTH, BUGS, FUZZED, PLAIN, VERIFIED, Bug, Way
from .hunt import Finding
from .table import Result, markdown

FOUND = Result(Finding((1.0, 2.0, 3.0), "0xC4 (0x62)"), [])
MISSED = Result(Finding((None,)), [])


def test_the_table_says_what_was_found_and_what_not() -> None:
    bug = Bug("leak", "never freed", VERIFIED, Cause.CRASHED)
    table = markdown([bug], [PLAIN, VERIFIED, BOTH], {(bug, PLAIN): MISSED, (bug, VERIFIED): FOUND}, 10, 60.0)
    assert "| leak | never freed | not found | **2.0 s: 0xC4 (0x62)** | not yet | silent |" in table


def test_what_is_wrong_is_told() -> None:
    race = next(bug for bug in BUGS if bug.is_race)
    assert FOUND.is_right(race, FUZZED)
    assert not MISSED.is_right(race, FUZZED)
    assert MISSED.is_right(Bug("other", "", VERIFIED, Cause.CRASHED), Way("another", fuzzed=True))
    assert not Result(FOUND.finding, ["0xC4"]).is_right(race, PLAIN)
    assert Result.from_json(FOUND.to_json()) == FOUND
