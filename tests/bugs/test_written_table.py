"""The tables in docs/ and in the README have the bugs that there are, and none escapes the way that has to find it."""

from __future__ import annotations

from .__main__ import README, WRITTEN
from .catalogue import ALL, WAYS
from .table import brief, rows


def test_each_bug_is_in_the_table_and_found_by_its_way() -> None:
    written = rows(WRITTEN.read_text())
    assert [row[0] for row in written] == [bug.name for bug in ALL]
    for bug, row in zip(ALL, written, strict=True):
        (cell,) = (cell for cell in row if cell.startswith("**"))
        assert cell == row[2 + WAYS.index(bug.way)]
        assert " s: " in cell, f"{bug.name}: {cell}"
        assert row[-1] == "silent"


def test_the_readme_has_the_gist_of_it() -> None:
    assert brief(WRITTEN.read_text(), WAYS) in README.read_text()
