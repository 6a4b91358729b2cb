"""The table of bugs: what is known of each bug and way, and how it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .catalogue import Bug, Way
from .hunt import Finding

HEAD = """# Which check finds which planted bug

Written by `make bug-table`. Each row is one bug of one driver, each column one way to run the scenario that provokes
it: with no checks, with Driver Verifier's standard checks (`verifier: standard`), with a fuzzed schedule
(`schedule: fuzzed`), with both. Times are seconds of scenarios, from the loading of the driver until it was found; what
found it is a bug check's code (and its first parameter, where that says which rule was broken), a wrong result or a
hang. In bold: the way that has to find it, to which [tests/bugs](../tests/bugs) holds it.

"""
BRIEF_HEAD = "| planted bug | found by | after | not found by |"


def must_find(bug: Bug, way: Way) -> bool:
    """Whether the way has to find the bug: its own, and a fuzzed schedule every race."""
    return way == bug.way or (bug.is_race and way.fuzzed and not way.verified)


@dataclass(frozen=True)
class Result:
    """What came of looking for one bug in one way."""

    finding: Finding
    alarms: list[str]
    """What was said of the driver without the bug."""

    def is_right(self, bug: Bug, way: Way) -> bool:
        """No false alarm, and found every time if this way has to."""
        is_found = bool(self.finding.times) and None not in self.finding.times
        return not self.alarms and (is_found or not must_find(bug, way))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self.finding), "alarms": self.alarms}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Result:
        return cls(Finding(tuple(value["times"]), value["by"], value["skipped"]), list(value["alarms"]))


def markdown(
    bugs: Sequence[Bug], ways: Sequence[Way], results: Mapping[tuple[Bug, Way], Result], seeds: int, budget: float
) -> str:
    """All of docs/bug-table.md."""
    lines = [
        f"| bug | what | {' | '.join(way.name for way in ways)} | without the bug |",
        "|---" * (len(ways) + 3) + "|",
    ]
    for bug in bugs:
        own = [results.get((bug, way)) for way in ways]
        alarms = [alarm for result in own if result for alarm in result.alarms]
        cells = [bug.name, bug.what, *(_cell(bug, way, result) for way, result in zip(ways, own, strict=True))]
        cells.append(f"FALSE ALARM: {alarms[0]}" if alarms else "silent" if any(own) else "not yet")
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    foot = (
        f"A race with a fuzzed schedule: the median of {seeds} seeds, {budget:.0f} s each at most. Else: the first run."
    )
    return HEAD + "\n".join([*lines, "", foot, ""])


def _cell(bug: Bug, way: Way, result: Result | None) -> str:
    if result is None:
        return "not yet"
    finding = result.finding
    text = f"{finding.text}: {finding.by}" if finding.by else finding.text
    return f"**{text}**" if way == bug.way else text


def rows(text: str) -> list[list[str]]:
    """Cells of the table in docs/bug-table.md, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def brief(text: str, ways: Sequence[Way]) -> str:
    """Of the table in docs/bug-table.md what finds each bug, and what does not: the table in the README."""
    lines = [BRIEF_HEAD, "|---" * 4 + "|"]
    for name, what, *cells, _ in rows(text):
        for way, cell in zip(ways, cells, strict=True):
            if cell.startswith("**"):
                after, _, by = cell.strip("*").partition(": ")
                missed = "; ".join(way.name for way, cell in zip(ways, cells, strict=True) if cell == "not found")
                lines.append(
                    f"| {name}: {what.removeprefix('example-fault: ')} | {way.name}: {by} | {after} | {missed} |"
                )
    return "\n".join(lines)


def with_brief(readme: str, table: str) -> str:
    """The README with this table in place of the one that it has."""
    lines = readme.splitlines()
    begin = lines.index(BRIEF_HEAD)
    end = next(at for at in range(begin, len(lines) + 1) if not "".join(lines[at : at + 1]).startswith("|"))
    return "\n".join([*lines[:begin], table, *lines[end:], ""])
