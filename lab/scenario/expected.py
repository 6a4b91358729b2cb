"""The `expect` of one operation: what it has to give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.config import IoctlSpec
from lab.document import Location, shown, suggestion
from lab.scenario.model import SUCCESS, Amount, Expected
from lab.scenario.values import Report, Seeds, amount, data, milliseconds
from lab.traffic.data import Bytes, Fill, Pointer
from lab.traffic.ntstatus import STATUSES
from lab.traffic.win32 import ERRORS

_TRANSFERS = ("write", "read", "ioctl")
_CALLS = ("open", *_TRANSFERS, "flush", "close")
_APPLIES = {
    "status": _CALLS,
    "bytes": _TRANSFERS,
    "text": ("read", "ioctl"),
    "data": ("read", "ioctl"),
    "output": ("ioctl",),
    "duration": (*_CALLS, "service", "wait", "kill", "type", "await", "barrier", "sleep"),
    "state": ("service",),
    "code": ("wait", "kill", "exit", "crash"),
}
"""What can be expected of which operations; an `error` of each."""


def expected(
    value: Any, where: Location, report: Report, op: str, ioctl: IoctlSpec | None = None, seed: int = 0
) -> Expected:
    """The meaning of an `expect`, None for one that is not there: success is expected then.

    `seed` is the scenario's.
    """
    if value is None:
        return Expected()
    if value == "any":
        return Expected(errors=None)
    _check_applies(value, where, report, op)
    output: Mapping[str, Amount] = {}
    if "output" in value and op == "ioctl":
        output = expected_output(value["output"], (*where, "output"), report, ioctl)
    return Expected(
        errors=_errors(value, where, report),
        statuses=_codes(value["status"], (*where, "status"), report, STATUSES) if "status" in value else None,
        moved=amount(value["bytes"], (*where, "bytes"), report) if "bytes" in value else None,
        data=_data(value, where, report, seed),
        output=output,
        duration=_duration(value["duration"], (*where, "duration"), report) if "duration" in value else None,
        state=value.get("state"),
        code=value.get("code"),
    )


def _check_applies(value: dict[str, Any], where: Location, report: Report, op: str) -> None:
    for name, ops in _APPLIES.items():
        if name in value and op not in ops:
            right = f"leave it out; it goes with {', '.join(ops)}"
            report.add((*where, name), f"says nothing about {op}", right)
    if "text" in value and "data" in value:
        report.add((*where, "text"), "and data exclude each other", "one of them")


def _errors(value: dict[str, Any], where: Location, report: Report) -> frozenset[int] | None:
    """Win32 errors by name or number; None for `any`, also where only an NTSTATUS is expected."""
    if "error" not in value:
        return None if "status" in value else SUCCESS
    if value["error"] == "any":
        return None
    return _codes(value["error"], (*where, "error"), report, {**ERRORS, "any": -1})


def _codes(value: Any, where: Location, report: Report, known: Mapping[str, int]) -> frozenset[int]:
    """One code or a list of them, by name or number."""
    kind, file = ("NTSTATUS", "ntstatus.h") if known is STATUSES else ("Win32 error", "winerror.h")
    codes = set()
    for i, item in enumerate(value if isinstance(value, list) else [value]):
        if isinstance(item, int):
            codes.add(item)
        elif item.upper() in known:
            codes.add(known[item.upper()])
        else:
            here = (*where, i) if isinstance(value, list) else where
            near = suggestion(item, known)
            right = near if near.startswith("did") else f"a name of {file}, or the number"
            report.add(here, f"{shown(item)} is not a known {kind}", right)
    return frozenset(codes)


def _data(value: dict[str, Any], where: Location, report: Report, seed: int) -> Bytes | Fill | None:
    if "text" in value:
        return Bytes(str(value["text"]).encode())
    if "data" not in value:
        return None
    wanted = data(value["data"], (*where, "data"), report, Seeds(seed))
    if isinstance(wanted, Pointer):
        report.add((*where, "data"), "no data can be expected there", "text, hex or fill")
        return None
    return wanted


def expected_output(
    values: Mapping[str, Any], where: Location, report: Report, ioctl: IoctlSpec | None
) -> Mapping[str, Amount]:
    """Fields of an IOCTL's output structure with their amounts."""
    if ioctl is None:
        report.add(where, "needs an IOCTL with named fields", "name the IOCTL in lab.yaml, or use data")
        return {}
    fields = [item.name for item in ioctl.output]
    for name in values:
        if name not in fields:
            report.add((*where, name), f"is not an output field of {ioctl.name}", suggestion(name, fields))
    return {name: amount(item, (*where, name), report) for name, item in values.items()}


def _duration(value: Any, where: Location, report: Report) -> Amount:
    """Microseconds: of `50ms` at most so many."""
    bounds = {"max": value} if isinstance(value, str) else value
    low, high = (milliseconds(bounds[name]) * 1000 if name in bounds else None for name in ("min", "max"))
    if low is not None and high is not None and low > high:
        report.add(where, f"min {bounds['min']} is above max {bounds['max']}", "min not above max")
    return Amount(low, high)
