"""Entries of a kd log as coloured lines for people."""

from __future__ import annotations

import re
import time
from functools import lru_cache

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

from lab.kd.entry import LogEntry
from lab.kd.plain import visible

_KIND_STYLES = {
    "raw": "dim",
    "prompt": "bold yellow",
    "module": "green",
    "stop": "bold yellow",
    "bugcheck": "bold red",
    "resync": "magenta",
    "note": "dim",
    "marker": "cyan",
}
_LEVEL_STYLES = {0: "red", 1: "yellow"}
_HIT = "bold reverse"


class Painter:
    """Prints entries one after the other; pieces of one printed line are put together again."""

    def __init__(self, console: Console, hit: re.Pattern[str] | None = None) -> None:
        """`hit`: what to point out in the text."""
        self._console = console
        self._out = console.file
        self._hit = hit if console.color_system else None
        self._scenario: str | None = None
        self._line_of: int | None = None
        """Sequence number of the print whose line is not ended yet."""
        self._known_codes: dict[str, tuple[str, str]] = {"": ("", "")}

    def paint(self, entry: LogEntry, *, faint: bool = False) -> None:
        """Print one entry."""
        if entry.scenario != self._scenario:
            self._scenario = entry.scenario
            self._boundary(entry)
            if entry.kind == "marker":
                return  # The boundary says it all.
        if entry.kind == "print" and "marker" not in entry.extras:
            self._print(entry, faint=faint)
            return
        self.end_line()
        style = "dim" if faint else _KIND_STYLES.get(entry.kind, "cyan")
        text = visible(_words(entry)).rstrip("\n").replace("\n", "\\n")
        self._out.write(f"{self._prefix(entry)}{self._text(text, style)}\n")

    def gap(self) -> None:
        """Show that entries are left out."""
        self.end_line()
        self._out.write("--\n")

    def title(self, text: str, style: str = "cyan") -> None:
        """A line across the screen."""
        self.end_line()
        self._console.print(Rule(escape(visible(text)), style=style))

    def end_line(self) -> None:
        """Go to the beginning of a line."""
        if self._line_of is not None:
            self._out.write("\n")
            self._line_of = None

    def _boundary(self, entry: LogEntry) -> None:
        clock = f"{_clock(int(entry.t))} " if entry.kind == "marker" else ""
        if entry.scenario is not None:
            self.title(clock + entry.scenario)
        else:
            self.title(clock + entry.text if entry.kind == "marker" else "no scenario", "dim")

    def _print(self, entry: LogEntry, *, faint: bool) -> None:
        if self._line_of is not None and self._line_of + 1 != entry.seq:
            self.end_line()
        style = "dim" if faint else _LEVEL_STYLES.get(entry.extras.get("level", 3), "")
        for piece in visible(entry.text).splitlines(keepends=True):
            begin = "" if self._line_of is not None else self._prefix(entry)
            text = piece.rstrip("\n")
            self._line_of = None if piece.endswith("\n") else entry.seq
            self._out.write(begin + self._text(text, style) + piece[len(text) :])

    def _text(self, text: str, style: str) -> str:
        before, after = self._codes(style)
        if self._hit is not None and style != "dim":
            begin, end = self._codes(_HIT)
            text = self._hit.sub(lambda hit: f"{after}{begin}{hit[0]}{end}{before}" if hit[0] else "", text)
        return f"{before}{text}{after}" if text else ""

    def _codes(self, style: str) -> tuple[str, str]:
        """What the terminal is told before and after a text in this style."""
        codes = self._known_codes.get(style)
        if codes is None:
            with self._console.capture() as captured:
                self._console.print("x", style=style, end="")
            before, _, after = captured.get().partition("x")
            codes = self._known_codes[style] = (before, after)
        return codes

    def _prefix(self, entry: LogEntry) -> str:
        cpu = "-" if entry.cpu is None else entry.cpu
        clock = f"{_clock(int(entry.t))}.{int(entry.t * 1000) % 1000:03d}"
        before, after = self._codes("dim")
        return f"{before}{clock} {cpu} {after}{self._origin(entry)}"

    def _origin(self, entry: LogEntry) -> str:
        if not entry.extras:
            return ""
        known = [str(each) for each in (entry.extras.get("step"), entry.extras.get("actor")) if each]
        before, after = self._codes("blue")
        return f"{before}[{visible(' '.join(known))}]{after} " if known else ""


def _words(entry: LogEntry) -> str:
    marker = entry.extras.get("marker")
    if not isinstance(marker, dict):
        return f"{entry.kind}: {entry.text}"
    parts = [marker.get(name) for name in ("edge", "step", "actor")]
    return "step: " + " ".join(str(part) for part in parts if part)


@lru_cache(maxsize=4)
def _clock(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))
