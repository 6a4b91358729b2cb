"""The text with which a dying Windows kernel tells the debugger its stop code."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = r"(?:0x)?([0-9A-Fa-f`]{1,17})"
_TEXT = re.compile(
    r"\*\*\*\s*Fatal\s+(?:System\s+)?Error\s*:?\s*0x([0-9A-Fa-f]{1,8})\s*:?\s*"
    rf"\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*,\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\)"
)
_DRIVER = re.compile(r"Driver\s+at\s+fault:\s*([^\s]{1,260}?)\.?\s*\n")
_WINDOW = 1024
"""Characters looked back: the text can come in pieces of 512."""


@dataclass(frozen=True, slots=True)
class Bugcheck:
    """A stop code with its four parameters."""

    code: int
    parameters: tuple[int, int, int, int]


class BugcheckFinder:
    """Finds the text in a stream of prints that cut it anywhere."""

    def __init__(self) -> None:
        self._tail = ""
        self._awaiting_driver = False

    @property
    def tail(self) -> str:
        """What is kept of the stream: part of the link's state in a snapshot."""
        return self._tail

    def reset(self, tail: str = "") -> None:
        """Begin anew: the target restarted, or went back to where `tail` was the end of its text."""
        self._tail = tail[-_WINDOW:]
        self._awaiting_driver = False

    def feed(self, text: str) -> tuple[Bugcheck | None, str | None]:
        """Take printed text; return a stop code and a driver's name when the text completes them."""
        self._tail = (self._tail + text)[-_WINDOW:]
        bugcheck: Bugcheck | None = None
        if ")" in text and "Fatal" in self._tail:
            match = _TEXT.search(self._tail)
            if match:
                first, second, third, fourth = (int(each.replace("`", "") or "0", 16) for each in match.groups()[1:])
                bugcheck = Bugcheck(int(match[1], 16), (first, second, third, fourth))
                self._tail = self._tail[match.end() :]
                self._awaiting_driver = True
        return bugcheck, self._driver()

    def _driver(self) -> str | None:
        if not self._awaiting_driver:
            return None
        match = _DRIVER.search(self._tail)
        if match is None:
            return None
        self._awaiting_driver = False
        self._tail = self._tail[match.end() :]
        return match[1]
