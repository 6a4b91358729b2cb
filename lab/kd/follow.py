"""`lab kd follow`: a kd log as it grows, through every restart of the VM."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from lab.kd.excerpt import excerpts, last_excerpts
from lab.kd.log_files import existing_log, find_logs
from lab.kd.log_reader import follow_lines, last_seq, read_lines_backwards
from lab.kd.painter import Painter
from lab.kd.selection import Selection
from lab.kd.show import add_filters, selection_of

TAIL = 20
"""Entries shown of what was there before."""
POLL = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `lab kd follow`."""
    parser.add_argument(
        "log",
        nargs="?",
        metavar="FILE",
        help="a kd.jsonl, or a directory that holds one (default: the log of this lab's VM)",
    )
    add_filters(parser)


def follow(options: argparse.Namespace, root: Callable[[], Path]) -> None:
    """Print the newest entries, then each as it comes, until Ctrl-C.

    Raises UsageError for a bad option or file, GuestLostError when there is no log yet.
    """
    path = existing_log(root()) if options.log is None else find_logs(options.log, root)[-1]
    follow_log(path, options)


def follow_log(
    path: Path,
    options: argparse.Namespace,
    console: Console | None = None,
    until: Callable[[], bool] | None = None,
) -> None:
    """Like `follow`, of one log, until `until` says so."""
    selection = selection_of(options)
    try:
        if options.json:
            _copy_lines(path, selection, until)
        else:
            _paint(path, selection, console or Console(highlight=False, soft_wrap=True), until)
    except KeyboardInterrupt:
        return


def _copy_lines(path: Path, selection: Selection, until: Callable[[], bool] | None) -> None:
    out = sys.stdout.buffer
    for excerpt in excerpts(follow_lines(path, last_seq(path), POLL, until, on_idle=out.flush), selection):
        out.write(excerpt.line)
    out.flush()


def _paint(path: Path, selection: Selection, console: Console, until: Callable[[], bool] | None) -> None:
    painter = Painter(console, hit=selection.pattern)

    def began() -> None:
        painter.title(f"the VM was started again: {path.resolve().parent.name}", "magenta")

    try:
        newest = last_seq(path)
        for excerpt in last_excerpts(read_lines_backwards(path), selection, TAIL):
            if excerpt.entry.seq <= newest:
                painter.paint(excerpt.entry)
        lines = follow_lines(path, newest, POLL, until, on_idle=console.file.flush, on_new_log=began)
        for excerpt in excerpts(lines, selection):
            painter.paint(excerpt.entry)
    finally:
        painter.end_line()
