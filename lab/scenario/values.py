"""Meaning of the single values of a scenario: times, data, amounts, errors."""

from __future__ import annotations

import re
from typing import Any

from lab.config import IoctlSpec
from lab.document import Document, Location, Problem, shown, suggestion
from lab.scenario.model import SUCCESS, Amount, Expected
from lab.traffic.data import MAX_LENGTH, Bytes, Data, Fill, Pointer, pattern
from lab.traffic.win32 import ERRORS

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


def data(value: Any, where: Location, report: Report, own_seed: int | None) -> Data:
    """Data of an operation or an expectation; `own_seed` is what `seed: each` stands for (None: not allowed)."""
    if isinstance(value, str):
        return Bytes(value.encode())
    if isinstance(value, list):
        joined = b""
        for i, item in enumerate(value):
            piece = data(item, (*where, i), report, own_seed)
            if isinstance(piece, Pointer):
                report.add((*where, i), "has no bytes to join with others", "text, hex or fill in a list")
            else:
                joined += piece.value
        if len(joined) > MAX_LENGTH:
            report.add(where, f"is {len(joined)} bytes long", f"at most {MAX_LENGTH} bytes")
            return Bytes(b"")
        return Bytes(joined)
    return _piece(value, where, report, own_seed)


def _piece(value: dict[str, Any], where: Location, report: Report, own_seed: int | None) -> Data:
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
    seed = value.get("seed", 0)
    if seed == "each":
        if own_seed is None:
            report.add((*where, "seed"), "`each` is of an operation's own data", "a number from 0 to 255")
        seed = own_seed or 0
    if "skip" in value:
        return Bytes(pattern(value["fill"], seed, value["skip"]))
    return Fill(value["fill"], seed)


def room(value: Any) -> tuple[str, int]:
    """Token and length of the place for what is read: a number, or a pointer that is not there."""
    if isinstance(value, int):
        return str(value), value
    (kind, length), *_ = value.items()
    return Pointer(_POINTERS[kind], length).token, length


def error_codes(value: Any, where: Location, report: Report) -> frozenset[int] | None:
    """Win32 errors by name or number; None for `any`."""
    if value == "any":
        return None
    codes = set()
    for i, item in enumerate(value if isinstance(value, list) else [value]):
        if isinstance(item, int):
            codes.add(item)
        elif item.upper() in ERRORS:
            codes.add(ERRORS[item.upper()])
        else:
            here = (*where, i) if isinstance(value, list) else where
            near = suggestion(item, [*ERRORS, "any"])
            right = near if near.startswith("did") else "a name of winerror.h, or the number"
            report.add(here, f"{shown(item)} is not a known Win32 error", right)
    return frozenset(codes)


_APPLIES = {
    "bytes": ("write", "read", "ioctl"),
    "text": ("read", "ioctl"),
    "data": ("read", "ioctl"),
    "output": ("ioctl",),
    "state": ("service",),
    "code": ("wait", "kill", "exit", "crash"),
}


def expected(value: Any, where: Location, report: Report, op: str, ioctl: IoctlSpec | None) -> Expected:
    """The `expect` of a step; without one, success is expected."""
    if value is None:
        return Expected()
    if value == "any":
        return Expected(errors=None)
    for name, ops in _APPLIES.items():
        if name in value and op not in ops:
            right = f"leave it out; it goes with {', '.join(ops)}"
            report.add((*where, name), f"says nothing about {op}", right)
    if "text" in value and "data" in value:
        report.add((*where, "text"), "and data exclude each other", "one of them")
    errors = error_codes(value["error"], (*where, "error"), report) if "error" in value else SUCCESS
    wanted = _wanted_data(value, where, report)
    output = {name: amount(item, (*where, "output", name), report) for name, item in value.get("output", {}).items()}
    if ioctl is not None:
        fields = [item.name for item in ioctl.output]
        for name in output:
            if name not in fields:
                what = f"is not an output field of {ioctl.name}"
                report.add((*where, "output", name), what, suggestion(name, fields))
    elif output and op == "ioctl":
        report.add((*where, "output"), "needs an IOCTL with named fields", "name the IOCTL in lab.yaml, or use data")
    return Expected(
        errors=errors,
        moved=amount(value["bytes"], (*where, "bytes"), report) if "bytes" in value else None,
        data=wanted,
        output=output,
        state=value.get("state"),
        code=value.get("code"),
    )


def _wanted_data(value: dict[str, Any], where: Location, report: Report) -> bytes | None:
    if "text" in value:
        return str(value["text"]).encode()
    if "data" not in value:
        return None
    wanted = data(value["data"], (*where, "data"), report, None)
    if isinstance(wanted, Pointer):
        report.add((*where, "data"), "no data can be expected there", "text, hex or fill")
        return None
    return wanted.value
