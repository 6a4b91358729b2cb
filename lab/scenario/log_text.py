"""The texts that a kd log has to have, or must not have, from their YAML."""

from __future__ import annotations

import re
from typing import Any

from lab.document import Location, printable
from lab.scenario.model import LogExpectation
from lab.scenario.pattern import Pattern
from lab.scenario.values import Report, amount

_WANTED = ("contains", "absent", "count", "order", "pairs")


def log_expectation(value: dict[str, Any], where: Location, report: Report) -> LogExpectation:
    """What is looked for; of which part of the log is not said here."""
    if not any(name in value for name in _WANTED):
        report.add(where, "says nothing to look for", "one of contains, absent, count, order and pairs")
    order = _patterns(value.get("order", []), (*where, "order"), report)
    if "order" in value and len(order) < 2:
        report.add((*where, "order"), "has nothing to put in order", "a list of at least two texts")
    return LogExpectation(
        contains=_patterns(value.get("contains", []), (*where, "contains"), report),
        absent=_patterns(value.get("absent", []), (*where, "absent"), report),
        count=tuple(
            (_pattern(text, (*where, "count", text), report), amount(item, (*where, "count", text), report))
            for text, item in value.get("count", {}).items()
        ),
        order=order,
        pairs=tuple(
            (_pattern(first, (*where, "pairs", first), report), _pattern(second, (*where, "pairs", first), report))
            for first, second in value.get("pairs", {}).items()
        ),
    )


def _patterns(value: Any, where: Location, report: Report) -> tuple[Pattern, ...]:
    """One text, `/regular expression/` or `{regex: ...}`, or a list of these."""
    if isinstance(value, list):
        return tuple(_pattern(item, (*where, i), report) for i, item in enumerate(value))
    return (_pattern(value, where, report),)


def _pattern(value: Any, where: Location, report: Report) -> Pattern:
    if isinstance(value, dict):
        text = value["regex"]
    elif len(value) > 2 and value.startswith("/") and value.endswith("/"):
        text = value[1:-1]
    else:
        return Pattern(value)
    try:
        return Pattern(text, re.compile(text, re.MULTILINE))
    except re.error as error:
        report.add(where, f"/{printable(text)}/ is not a regular expression ({error})", "Python's `re` syntax")
        return Pattern(text)
