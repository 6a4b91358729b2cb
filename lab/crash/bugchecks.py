"""What bug checks mean: names, and their parameters in words, from bugchecks.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any

from lab.crash.exceptions import status_name

REFERENCE = "https://learn.microsoft.com/windows-hardware/drivers/debugger/"
FROM_MINIDUMP = 0x10000000
"""Added to some codes where an exception filter raised them: the same bug check, named with `_M`."""

MAX_SELECTOR = 0xFFFFF
"""What is larger is an address or a status: no kind of violation that the reference does not have."""

_HINT = re.compile(r"\s*\{(\w+)\}$")
_IRQLS = {0: "PASSIVE_LEVEL", 1: "APC_LEVEL", 2: "DISPATCH_LEVEL", 13: "CLOCK_LEVEL", 14: "IPI_LEVEL", 15: "HIGH_LEVEL"}
_ACCESSES = {0: "read", 1: "write", 2: "execute", 8: "execute", 0x10: "execute"}
_MODES = {0: "kernel mode", 1: "user mode"}


class Hint(Enum):
    """What kind of thing a parameter is."""

    PLAIN = "plain"
    IRQL = "irql"
    ACCESS = "access"
    MODE = "mode"
    STATUS = "status"
    TAG = "tag"
    CODE = "code"
    """An address of code."""
    FAULT = "fault"
    """The address of the instruction that failed."""
    CONTEXT = "context"
    """The address of a CONTEXT record of the failure."""
    RECORD = "record"
    """The address of an EXCEPTION_RECORD."""


@dataclass(frozen=True)
class Parameter:
    """One of a bug check's four parameters, with its meaning."""

    value: int
    meaning: str
    hint: Hint = Hint.PLAIN

    @property
    def word(self) -> str:
        """The value in words where it has some: `DISPATCH_LEVEL`, `write`, `STATUS_ACCESS_VIOLATION`."""
        match self.hint:
            case Hint.IRQL:
                return _IRQLS.get(self.value, "a device's IRQL" if 2 < self.value < 13 else "")
            case Hint.ACCESS:
                return _ACCESSES.get(self.value, "")
            case Hint.MODE:
                return _MODES.get(self.value, "")
            case Hint.STATUS:
                name = status_name(self.value)
                return name if name.startswith(("STATUS", "DBG", "C++")) else ""
            case Hint.TAG:
                raw = (self.value & 0xFFFFFFFF).to_bytes(4, "little")
                return f"'{raw.decode('ascii')}'" if all(32 <= byte < 127 for byte in raw) else ""
        return ""


@dataclass(frozen=True)
class Explanation:
    """A bug check in words."""

    code: int
    name: str
    """`IRQL_NOT_LESS_OR_EQUAL`, or `bug check 0x1234` when nobody knows it."""
    what: str
    """What it says has happened; the sub-code's own words where a parameter selects one."""
    parameters: tuple[Parameter, Parameter, Parameter, Parameter]
    source: str = ""
    """Page of the public reference."""
    selector: int | None = None
    """Value of the parameter that selects what happened, where one does."""

    @property
    def is_known(self) -> bool:
        return bool(self.source)

    def of(self, hint: Hint) -> int | None:
        """The value of the first parameter of a kind; None when there is none, or it is 0."""
        return next((each.value for each in self.parameters if each.hint is hint and each.value), None)


def explain(code: int, parameters: Sequence[int]) -> Explanation:
    """A bug check with up to four parameters, in words. Unknown codes get an explanation without meanings."""
    values = (*parameters[:4], 0, 0, 0, 0)[:4]
    entry = _table().get(code)
    suffix = ""
    if entry is None and code & 0xF0000000 == FROM_MINIDUMP:
        entry, suffix = _table().get(code & ~FROM_MINIDUMP), "_M"
    if entry is None:
        return Explanation(code, f"bug check {code:#x}", "no public description is at hand", _parameters(values, {}))
    what, meanings, selector = _meanings(entry, values)
    plain = code & ~FROM_MINIDUMP if suffix else code
    page = entry.get("page") or f"bug-check-{plain:#x}--{entry['name'].lower().replace('_', '-')}"
    return Explanation(
        code, entry["name"] + suffix, what, _parameters(values, meanings), REFERENCE + page, selector=selector
    )


def known_codes() -> list[int]:
    """All codes of the table, in order."""
    return sorted(_table())


def _meanings(entry: dict[str, Any], values: Sequence[int]) -> tuple[str, dict[int, str], int | None]:
    """What happened, the meanings of the parameters by their numbers, and the value that selected both."""
    general = dict(enumerate(entry.get("parameters", ()), 1))
    by = entry.get("by")
    if by is None:
        return entry["what"], general, None
    selector = values[by - 1]
    case = _case(entry, selector)
    if case is None:
        return entry["what"], general, selector if selector <= MAX_SELECTOR else None
    others = [number for number in (1, 2, 3, 4) if number != by]
    return case[1], dict(zip(others, case[2:], strict=False)) | {by: "says what happened"}, selector


def _parameters(
    values: Sequence[int], meanings: Mapping[int, str]
) -> tuple[Parameter, Parameter, Parameter, Parameter]:
    first, second, third, fourth = (_parameter(value, meanings.get(i + 1, "")) for i, value in enumerate(values))
    return first, second, third, fourth


def _parameter(value: int, text: str) -> Parameter:
    match = _HINT.search(text)
    if match is None:
        return Parameter(value, text)
    return Parameter(value, text[: match.start()], Hint(match[1]))


def _case(entry: dict[str, Any], value: int) -> list[str] | None:
    return next((case for case in entry["cases"] if any(value in each for each in _ranges(case[0]))), None)


def _ranges(text: str) -> Iterator[range]:
    for part in text.split(","):
        low, _, high = part.strip().partition("..")
        yield range(int(low, 16), int(high or low, 16) + 1)


@cache
def _table() -> dict[int, dict[str, Any]]:
    text = files(__package__).joinpath("bugchecks.toml").read_text(encoding="utf-8")
    return {int(code, 16): entry for code, entry in tomllib.loads(text).items()}
