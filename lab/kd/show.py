"""`lab kd show`: a kd log for people, or filtered as JSON lines."""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path

from rich.console import Console

from lab.kd.excerpt import Excerpt, excerpts, last_excerpts
from lab.kd.log_files import existing_log, find_logs
from lab.kd.log_reader import read_lines, read_lines_backwards
from lab.kd.pager import paged_console
from lab.kd.painter import Painter
from lab.kd.selection import Selection

__all__ = ["add_arguments", "add_filters", "selection_of", "show", "show_log"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `lab kd show`."""
    parser.add_argument(
        "log",
        nargs="?",
        metavar="RUN|FILE",
        help="a kd.jsonl, a directory of results or of a VM start, the name of one, or `latest` for the newest "
        "results (default: the log of this lab's VM)",
    )
    add_filters(parser)
    parser.add_argument("--around", type=_count, default=0, metavar="N", help="with N entries around each that fits")
    parser.add_argument("--tail", type=_count, metavar="N", help="only the last N entries")
    parser.add_argument("--no-pager", action="store_true", help="straight to the terminal")


def add_filters(parser: argparse.ArgumentParser) -> None:
    """The arguments that choose entries."""
    parser.add_argument("--scenario", metavar="TEXT", help="only scenarios whose name contains TEXT")
    parser.add_argument("--grep", metavar="RE", help="only entries whose text matches the regular expression")
    parser.add_argument("--kind", action="append", metavar="KIND", help="only this kind of entry; may be repeated")
    parser.add_argument(
        "--module",
        metavar="NAME",
        help="what names the driver: its loading, stops in it, bugchecks of it, prints that name its file; "
        "or prints of a component as IHVDRIVER",
    )
    parser.add_argument(
        "--level", metavar="LEVEL", help="error, warning, trace, info or a number: prints of this level or a graver one"
    )
    parser.add_argument("--step", metavar="ID", help="only what came during this step of a scenario")
    parser.add_argument("--actor", metavar="NAME", help="only what this actor caused")
    parser.add_argument("--markers", action="store_true", help="with the traffic program's announcements of steps")
    parser.add_argument("--json", action="store_true", help="as JSON lines, as they are in the log")


def selection_of(options: argparse.Namespace) -> Selection:
    """What `add_filters` reads. Raises UsageError."""
    return Selection.of(
        scenario=options.scenario,
        grep=options.grep,
        kinds=options.kind,
        module=options.module,
        level=options.level,
        step=options.step,
        actor=options.actor,
        markers=options.markers,
    )


def show(options: argparse.Namespace, root: Callable[[], Path]) -> None:
    """Print the entries that the options select; `root` is asked for the lab's directory when it matters.

    Raises UsageError for a bad option or file, GuestLostError when there is no log yet.
    """
    paths = [existing_log(root())] if options.log is None else find_logs(options.log, root)
    show_log(paths, options)


def show_log(paths: Sequence[Path], options: argparse.Namespace, console: Console | None = None) -> None:
    """Print the entries of these logs that the options select, to `console` or through a pager."""
    selection = selection_of(options)
    found = _excerpts(paths, selection, options)
    if options.json:
        _write_lines(found)
    elif console is not None:
        _paint(found, selection, console)
    else:
        with paged_console(wanted=not options.no_pager) as paged:
            _paint(found, selection, paged)
    if selection.level is not None and not any(b'"level"' in line for path in paths for line in read_lines(path)):
        print("lab: no print of this log has a level: the target does not tell them", file=sys.stderr)


def _excerpts(paths: Sequence[Path], selection: Selection, options: argparse.Namespace) -> Iterable[Excerpt]:
    if options.tail is None or options.around or not selection.is_stateless:
        lines = chain.from_iterable(read_lines(path) for path in paths)
        found = excerpts(lines, selection, options.around)
        return found if options.tail is None else deque(found, options.tail)
    backwards = chain.from_iterable(read_lines_backwards(path) for path in reversed(paths))
    return last_excerpts(backwards, selection, options.tail)


def _write_lines(found: Iterable[Excerpt]) -> None:
    for excerpt in found:
        sys.stdout.buffer.write(excerpt.line)
    sys.stdout.flush()


def _paint(found: Iterable[Excerpt], selection: Selection, console: Console) -> None:
    painter = Painter(console, hit=selection.pattern)
    for number, excerpt in enumerate(found):
        if excerpt.after_gap and number:
            painter.gap()
        painter.paint(excerpt.entry, faint=not excerpt.matches)
    painter.end_line()


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of entries")
    return number
