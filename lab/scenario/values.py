"""Meaning of the single values of a scenario: times, data, amounts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lab.document import Document, Location, Problem
from lab.scenario.model import Amount
from lab.traffic.data import MAX_GIVEN, Bytes, Data, Fill, Pointer, pattern

_UNITS = {"ms": 1, "s": 1000, "m": 60_000}
_POINTERS = {"no-buffer": "null", "bad-pointer": "bad"}


class Report:
    """Collects the problems of one document."""

    def __init__(self, document: Document, *, incomplete: bool = False) -> None:
        self._document = document
        self._incomplete = incomplete
        self.problems: set[Problem] = set()

    def add(self, where: Location, what: str, right: str) -> None:
        self.problems.add(self._document.problem(where, what, right))

    def follow(self, where: Location, what: str, right: str) -> None:
        """Like `add`, of a problem that could come from a part of the file that could not be read."""
        if not self._incomplete:
            self.add(where, what, right)

    def line(self, where: Location) -> int:
        return self._document.line(where)


@dataclass(frozen=True)
class Seeds:
    """What data of a pattern is made from; a pattern knows 256 seeds."""

    scenario: int
    """Shifts all seeds that are not given as a number."""
    operation: int | None = None
    """Its number in the plan, which `seed: each` stands for; None: not allowed here."""

    def seed(self, value: Any, where: Location, report: Report) -> int:
        """The number of a `seed:`, which may be left out."""
        if isinstance(value, int):
            return value
        if value == "each" and self.operation is None:
            report.add(where, "`each` is of an operation's own data", "a number from 0 to 255")
        return (self.scenario + (self.operation or 0 if value == "each" else 0)) % 256


def milliseconds(text: str) -> int:
    """`30s`, `500ms` or `2m`, already checked for its form."""
    number, unit = re.fullmatch(r"([0-9.]+)(ms|s|m)", text).groups()  # type: ignore[union-attr]
    return round(float(number) * _UNITS[unit])


def amount(value: Any, where: Location, report: Report) -> Amount:
    """`5` or `{min: 1, max: 5}`."""
    if isinstance(value, int):
        return Amount(value, value)
    low, high = value.get("min"), value.get("max")
    if low is not None and high is not None and low > high:
        report.add(where, f"min {low} is above max {high}", "min not above max")
    return Amount(low, high)


def data(value: Any, where: Location, report: Report, seeds: Seeds) -> Data:
    """Data of an operation or an expectation."""
    if isinstance(value, str):
        return Bytes(value.encode())
    if isinstance(value, list):
        joined = b""
        for i, item in enumerate(value):
            piece = data(item, (*where, i), report, seeds)
            if isinstance(piece, Pointer):
                report.add((*where, i), "has no bytes to join with others", "text, hex or fill in a list")
            else:
                joined += piece.value
        if len(joined) > MAX_GIVEN:
            report.add(where, f"is {len(joined)} bytes long", f"at most {MAX_GIVEN} bytes, or one `fill`")
            return Bytes(b"")
        return Bytes(joined)
    return _piece(value, where, report, seeds)


def _piece(value: dict[str, Any], where: Location, report: Report, seeds: Seeds) -> Data:
    kinds = [key for key in value if key not in ("seed", "skip")]
    if len(kinds) != 1:
        what = "has nothing but " + " and ".join(value) if not kinds else " and ".join(kinds) + " exclude each other"
        report.add(where, what, "one of text, hex, fill, no-buffer, bad-pointer")
        return Bytes(b"")
    kind = kinds[0]
    for key in ("seed", "skip"):
        if key in value and kind != "fill":
            report.add((*where, key), "belongs to fill", f"leave {key} out")
    if kind == "text":
        return Bytes(value["text"].encode())
    if kind == "hex":
        return Bytes(bytes.fromhex(value["hex"]))
    if kind in _POINTERS:
        return Pointer(_POINTERS[kind], value[kind])
    seed = seeds.seed(value.get("seed"), (*where, "seed"), report)
    if "skip" in value:
        if value["fill"] > MAX_GIVEN:
            report.add((*where, "fill"), f"is {value['fill']} bytes long", f"at most {MAX_GIVEN} bytes with `skip`")
            return Bytes(b"")
        return Bytes(pattern(value["fill"], seed, value["skip"]))
    return Fill(value["fill"], seed)


def room(value: Any) -> tuple[str, int]:
    """Token and length of the place for what is read: a number, or a pointer that is not there."""
    if isinstance(value, int):
        return str(value), value
    (kind, length), *_ = value.items()
    return Pointer(_POINTERS[kind], length).token, length
