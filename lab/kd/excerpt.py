"""The part of a kd log that a selection leaves, with what stands around it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from lab.kd.entry import LogEntry, parse_fields, parse_line
from lab.kd.selection import Selection


@dataclass(frozen=True, slots=True)
class Excerpt:
    """An entry to show: its line in the log, and what it says."""

    line: bytes
    entry: LogEntry
    matches: bool = True
    """It was asked for; others stand around such a one."""
    after_gap: bool = False
    """Entries are left out between the one before and this one, and there is more around each."""


def excerpts(lines: Iterable[bytes], selection: Selection, around: int = 0) -> Iterator[Excerpt]:
    """The entries that fit, each with `around` neighbours before and after it, in order, none twice."""
    if around:
        yield from _with_neighbours(lines, selection, around)
        return
    for line, fields in _fitting(lines, selection):
        yield Excerpt(line, LogEntry.of(fields))


def last_excerpts(lines_backwards: Iterable[bytes], selection: Selection, count: int) -> list[Excerpt]:
    """The last `count` entries that fit, in order, of a log that is read from its end."""
    found: list[Excerpt] = []
    if count > 0:
        for line, fields in _fitting(lines_backwards, selection):
            found.append(Excerpt(line, LogEntry.of(fields)))
            if len(found) == count:
                break
    return found[::-1]


def _fitting(lines: Iterable[bytes], selection: Selection) -> Iterator[tuple[bytes, dict[str, Any]]]:
    fits = selection.matcher()
    for needle in selection.needles:
        lines = _containing(lines, needle)
    for line in lines:
        fields = parse_fields(line)
        if fields is not None and fits(fields) and not selection.hides(fields):
            yield line, fields


def _containing(lines: Iterable[bytes], needle: bytes) -> Iterator[bytes]:
    return (line for line in lines if needle in line)


def _with_neighbours(lines: Iterable[bytes], selection: Selection, around: int) -> Iterator[Excerpt]:
    fits, needles = selection.matcher(), selection.needles
    before: deque[bytes] = deque(maxlen=around)
    after = passed = 0
    begun = False
    for line in lines:
        fields = parse_fields(line) if all(needle in line for needle in needles) else None
        if fields is not None and fits(fields) and not selection.hides(fields):
            gap = begun and passed > len(before)
            for neighbour in _neighbours(before):
                yield replace(neighbour, after_gap=gap)
                gap = False
            yield Excerpt(line, LogEntry.of(fields), after_gap=gap)
            before.clear()
            after, passed, begun = around, 0, True
        elif _is_seen(line, fields, selection):
            if after:
                after -= 1
                yield from _neighbours([line])
            else:
                passed += 1
                before.append(line)


def _neighbours(lines: Iterable[bytes]) -> Iterator[Excerpt]:
    for line in lines:
        entry = parse_line(line)
        if entry is not None:
            yield Excerpt(line, entry, matches=False)


def _is_seen(line: bytes, fields: dict[str, Any] | None, selection: Selection) -> bool:
    """Whether a line that does not fit may stand around one that does; reads only those that may be hidden."""
    if fields is None and b"marker" in line:
        fields = parse_fields(line)
    if fields is None:
        return line.startswith(b"{")
    return not selection.hides(fields)
