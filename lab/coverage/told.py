"""The counters that drivers print when they are unloaded (`driver/coverage/coverage.c`)."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_COUNTERS = 1 << 20
_LINE = re.compile(
    r"lab-coverage (?P<name>\S{1,64}) (?P<first>\d{1,8}) of (?P<count>\d{1,8}):(?P<values>( [0-9a-f]{8}){1,16})"
)

Counts = dict[str, list[int]]
"""By what the driver is called in lab.yaml."""


def told_counts(prints: Iterable[str]) -> Counts:
    """All counters in these prints, those of several loads of a driver added up; other lines are skipped."""
    found: Counts = {}
    for text in prints:
        for line in _LINE.finditer(text):
            first, count = int(line["first"]), int(line["count"])
            values = [int(each, 16) for each in line["values"].split()]
            if count > MAX_COUNTERS or first + len(values) > count:
                continue
            add_counts(found, {line["name"]: [0] * first + values + [0] * (count - first - len(values))})
    return found


def add_counts(to: Counts, more: Counts) -> None:
    """Add counters up."""
    for name, values in more.items():
        own = to.setdefault(name, [])
        own += [0] * (len(values) - len(own))
        for i, value in enumerate(values):
            own[i] += value
