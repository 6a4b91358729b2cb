"""The values of a file that somebody wrote, where each of them stands, and what is wrong with them in words."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import UsageError

Location = tuple[str | int, ...]
"""Where a value stands: mapping keys and (0-based) list positions from the top of the file."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong with a file; `str()` gives `file:line: field: what is wrong: what would be right`."""

    file: str
    line: int
    field: str
    what: str
    right: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.what}: {self.right}"


class FileError(UsageError):
    """All problems of one file; `str()` has one line for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass
class Document:
    """The plain values of a YAML file and where each of them stands."""

    file: str
    data: Any
    lines: dict[Location, int] = field(default_factory=dict)

    def line(self, where: Sequence[str | int]) -> int:
        """Line (from 1) of the value at `where`, or of the nearest thing around it that is in the file."""
        location = tuple(where)
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def problem(self, where: Sequence[str | int], what: str, right: str) -> Problem:
        return Problem(self.file, self.line(where), field_name(where), what, right)


def field_name(where: Sequence[str | int]) -> str:
    """`steps[2].writer.read`, list positions counted from 1 as steps are; `file` for the file as a whole."""
    name = ""
    for part in where:
        if isinstance(part, int):
            name += f"[{part + 1}]"
        else:
            name += ("." if name else "") + printable(part, 40)
    return name or "file"


def printable(text: str, limit: int = 60) -> str:
    """`text` on one line, bounded, with everything unprintable escaped."""
    if len(text) > limit:
        text = text[: limit - 3] + "..."
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(value: Any) -> str:
    """A value as an error message shows it: bounded, in YAML's own spelling."""
    if isinstance(value, str):
        return f"'{printable(value)}'"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return printable(str(value))


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean 'steps'?` when something near is known, else the list of what is known."""
    names = sorted(known)
    near = difflib.get_close_matches(word.lower(), [name.lower() for name in names], n=1, cutoff=0.6)
    if near:
        best = next(name for name in names if name.lower() == near[0])
        return f"did you mean '{best}'?"
    return "one of " + ", ".join(names) if names else "remove it"


def display_path(path: Path) -> str:
    """The path as messages name it: relative to the working directory where that is shorter."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative
