"""Compares a scenario's part of the kd log with what is expected of it."""

from __future__ import annotations

from collections.abc import Iterator

from lab.document import printable
from lab.scenario.model import LogExpectation
from lab.scenario.pattern import Found, Pattern


def judge_log(wanted: LogExpectation, text: str) -> Iterator[tuple[str, str]]:
    """What was expected, what there is instead, for each expectation that `text` does not meet."""
    for pattern in wanted.contains:
        if pattern.find(text) is None:
            yield f"contains {pattern}", "it is not there"
    for pattern in wanted.absent:
        found = pattern.find(text)
        if found is not None:
            yield f"does not contain {pattern}", f"the line {_line_at(text, found)!r}"
    for pattern, amount in wanted.count:
        count = pattern.count(text)
        if not amount.holds(count):
            yield f"contains {pattern} {amount} times", f"{count} times"
    yield from _judge_order(wanted.order, text)
    for first, second in wanted.pairs:
        yield from _judge_pair(first, second, text)


def _judge_order(order: tuple[Pattern, ...], text: str) -> Iterator[tuple[str, str]]:
    end = 0
    for i, pattern in enumerate(order):
        found = pattern.find(text, end)
        if found is None:
            before = f" after {order[i - 1]}" if i else ""
            there = "it comes earlier only" if pattern.find(text) else "it is not there"
            yield f"contains {pattern}{before}", there
            return
        end = found.end


def _judge_pair(first: Pattern, second: Pattern, text: str) -> Iterator[tuple[str, str]]:
    """Told of each kind is the first that has no partner: what is in parentheses has to be the same in both."""
    waiting: dict[str, list[Found]] = {}
    places = [(found, True) for found in first.all(text)] + [(found, False) for found in second.all(text)]
    for found, is_first in sorted(places, key=lambda place: place[0].start):
        if is_first:
            waiting.setdefault(found.what, []).append(found)
        elif waiting.get(found.what):
            waiting[found.what].pop(0)
        else:
            yield f"has {second} only after {first}", f"the line {_line_at(text, found)!r}"
            break
    left = [found for places in waiting.values() for found in places]
    if left:
        alone = min(left, key=lambda found: found.start)
        more = f", and {len(left) - 1} more" if len(left) > 1 else ""
        yield f"has {second} for every {first}", f"none for the line {_line_at(text, alone)!r}{more}"


def _line_at(text: str, found: Found) -> str:
    start = text.rfind("\n", 0, found.start) + 1
    end = text.find("\n", found.start)
    return printable(text[start : end if end >= 0 else len(text)], 200)
