"""A text, or a regular expression, to look for in the kd log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """One place where a pattern occurs."""

    start: int
    end: int
    what: str
    """The part in the expression's first parentheses; without any, empty."""


@dataclass(frozen=True)
class Pattern:
    """What to look for; `regex` is None for plain text."""

    text: str
    regex: re.Pattern[str] | None = None

    def __str__(self) -> str:
        return f"/{self.text}/" if self.regex else repr(self.text)

    def find(self, text: str, start: int = 0) -> Found | None:
        """The first place at or after `start`."""
        return next(self.all(text, start), None)

    def all(self, text: str, start: int = 0) -> Iterator[Found]:
        """Every place, as far as they do not overlap."""
        if self.regex is not None:
            for match in self.regex.finditer(text, start):
                yield Found(match.start(), match.end(), match.group(1) or "" if self.regex.groups else "")
            return
        at = text.find(self.text, start)
        while at >= 0:
            yield Found(at, at + len(self.text), "")
            at = text.find(self.text, at + len(self.text))

    def count(self, text: str) -> int:
        """How many places there are that do not overlap."""
        return sum(1 for _ in self.all(text))
