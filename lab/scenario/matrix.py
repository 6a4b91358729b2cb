"""The points of a scenario's matrix, and the file as it reads at one of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lab.document import Document, Location, Problem, shown, suggestion

Value = str | int
Point = Mapping[str, Value]

MAX_POINTS = 1000

_REFERENCE = re.compile(r"\$\{([^}]*)\}")


def matrix_points(document: Document, problems: list[Problem]) -> list[Point]:
    """All combinations of the matrix's values, the last axis varying fastest; one empty point without a matrix."""
    axes = document.data.get("matrix") or {}
    total = 1
    for name, values in axes.items():
        total *= len(values)
        for i, value in enumerate(values):
            if value in values[:i]:
                where = ("matrix", name, i)
                problems.append(document.problem(where, f"{shown(value)} stands twice", "each value once"))
    if total > MAX_POINTS:
        what = f"has {total} combinations"
        problems.append(document.problem(("matrix",), what, f"at most {MAX_POINTS}"))
        return []
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def at_point(document: Document, point: Point, problems: list[Problem]) -> Document:
    """The document with every `${axis}` replaced; a value that is nothing but `${axis}` keeps the axis's type."""
    data = {
        key: value if key == "matrix" else _replace(document, (key,), value, point, problems)
        for key, value in document.data.items()
    }
    return Document(document.file, data, document.lines)


def _replace(document: Document, where: Location, value: Any, point: Point, problems: list[Problem]) -> Any:
    if isinstance(value, dict):
        replaced: dict[str, Any] = {}
        for key, item in value.items():
            new = str(_text(document, (*where, key), key, point, problems)) if "${" in key else key
            replaced[new] = _replace(document, (*where, key), item, point, problems)
            if new != key:
                document.lines.setdefault((*where, new), document.line((*where, key)))
        return replaced
    if isinstance(value, list):
        return [_replace(document, (*where, i), item, point, problems) for i, item in enumerate(value)]
    if isinstance(value, str) and "${" in value:
        return _text(document, where, value, point, problems)
    return value


def _text(document: Document, where: Location, text: str, point: Point, problems: list[Problem]) -> Value:
    if "${" in _REFERENCE.sub("", text):
        problems.append(document.problem(where, "begins a reference with '${' and does not end it", "`${AXIS}`"))
    for name in _unknown(text, point):
        right = suggestion(name, point) if point else "add a `matrix:` with this axis"
        problems.append(document.problem(where, f"${{{name}}} is not an axis of the matrix", right))
    whole = _REFERENCE.fullmatch(text)
    if whole and whole.group(1) in point:
        return point[whole.group(1)]
    # The schema would take what is left of a reference for one that is still to be replaced.
    return _REFERENCE.sub(lambda match: str(point.get(match.group(1), "")), text).replace("${", "")


def _unknown(text: str, point: Point) -> Iterator[str]:
    for match in _REFERENCE.finditer(text):
        if match.group(1) not in point:
            yield match.group(1)
