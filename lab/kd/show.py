"""`lab kd show` and `lab kd follow`: a kd log for people, or filtered as JSON lines."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.text import Text

from lab.errors import UsageError
from lab.kd.log import LogEntry, follow_log_entries, read_log
from lab.kd.plain import visible

__all__ = ["add_arguments", "follow_log", "show_log"]

_STYLES = {
    "raw": "dim",
    "prompt": "yellow",
    "module": "green",
    "stop": "yellow",
    "bugcheck": "bold red",
    "resync": "magenta",
    "note": "dim",
}
FOLLOW_TAIL = 20
"""Entries shown of what was there before `follow` began."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of both commands."""
    parser.add_argument(
        "log", nargs="?", type=Path, help="a kd.jsonl, or a directory that holds one (default: this lab's)"
    )
    parser.add_argument("--scenario", metavar="TEXT", help="only scenarios whose name contains TEXT")
    parser.add_argument("--grep", metavar="RE", help="only entries whose text matches the regular expression")
    parser.add_argument("--kind", action="append", metavar="KIND", help="only this kind of entry; may be repeated")
    parser.add_argument("--json", action="store_true", help="as JSON lines, as they are in the log")


def show_log(path: Path, options: argparse.Namespace, console: Console | None = None) -> None:
    """Print the entries that the options select. Raises UsageError for a bad pattern or file."""
    _render(_selected(read_log(path), options), options, console)


def follow_log(path: Path, options: argparse.Namespace, console: Console | None = None) -> None:
    """Print the newest entries, then each as it comes, until interrupted."""
    newest = 0
    for entry in read_log(path):
        newest = entry.seq
    entries = follow_log_entries(path, since_seq=max(0, newest - FOLLOW_TAIL))
    _render(_selected(entries, options), options, console)


def _selected(entries: Iterable[LogEntry], options: argparse.Namespace) -> Iterator[LogEntry]:
    try:
        pattern = re.compile(options.grep) if options.grep else None
    except re.error as error:
        raise UsageError(
            f"--grep {options.grep!r} is no regular expression: {error}", "quote special characters: \\."
        ) from None
    return (
        entry
        for entry in entries
        if (not options.scenario or options.scenario in (entry.scenario or ""))
        and (not options.kind or entry.kind in options.kind)
        and (pattern is None or pattern.search(entry.text))
    )


def _render(entries: Iterator[LogEntry], options: argparse.Namespace, console: Console | None) -> None:
    if options.json:
        for entry in entries:
            sys.stdout.write(entry.to_json() + "\n")
            sys.stdout.flush()
        return
    console = console or Console(highlight=False, soft_wrap=True)
    painter = Painter(console, whole_text=not options.grep)
    for entry in entries:
        painter.paint(entry)
    painter.end_line()


class Painter:
    """Prints entries one after the other; pieces of one printed line are put together again."""

    def __init__(self, console: Console, *, whole_text: bool = True) -> None:
        self._console = console
        self._whole_text = whole_text
        self._scenario: str | None = None
        self._in_line = False

    def paint(self, entry: LogEntry) -> None:
        """Print one entry."""
        if entry.scenario != self._scenario:
            self.end_line()
            self._scenario = entry.scenario
            title = escape(visible(entry.scenario)) if entry.scenario else "no scenario"
            self._console.print(Rule(title, style="cyan"))
        if entry.kind == "print":
            self._print(entry)
        else:
            self.end_line()
            style = _STYLES.get(entry.kind, "cyan")
            line = Text(_prefix(entry), style="dim")
            line.append(f"{entry.kind}: {visible(entry.text).rstrip(chr(10))}", style=style)
            self._console.print(line)

    def end_line(self) -> None:
        """Go to the beginning of a line."""
        if self._in_line:
            self._console.print()
            self._in_line = False

    def _print(self, entry: LogEntry) -> None:
        for piece in visible(entry.text).splitlines(keepends=True):
            line = Text("" if self._in_line else _prefix(entry), style="dim")
            line.append(piece.rstrip("\n"), style="not dim")
            self._in_line = not piece.endswith("\n") and self._whole_text
            self._console.print(line, end="" if self._in_line else "\n")


def _prefix(entry: LogEntry) -> str:
    milliseconds = int(entry.t * 1000) % 1000
    clock = time.strftime("%H:%M:%S", time.localtime(entry.t))
    return f"{clock}.{milliseconds:03d} {'-' if entry.cpu is None else entry.cpu} "
