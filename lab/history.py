"""`lab history`: look at what the processes of a scenario did, and have it judged again."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from rich.text import Text

from lab import cli_history
from lab.config import Config
from lab.errors import UsageError
from lab.progress import plain_console
from lab.traffic.explanation import explain, explain_in_words
from lab.traffic.history import Operation, read_history
from lab.traffic.lanes import draw_svg, draw_text, lanes_of
from lab.traffic.linearizability import DEADLINE, Decision, check
from lab.traffic.model import load_model
from lab.traffic.overview import draw_overview_svg, draw_overview_text, overview_of

MAX_DRAWN = 2_000
"""Operations beyond which each single one is no longer drawn."""
PART = "--name NAME, --steps FROM..TO or --time FROM..TO (milliseconds) take a part, drawn operation by operation"


def add_commands(parser: argparse.ArgumentParser) -> None:
    """The commands below `lab history`; each gets its function as `act`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    cli_history.add_commands(commands)
    show = commands.add_parser("show", help="draw a history, a lane for each process")
    show.add_argument("file", type=Path, help="a history.jsonl, or a directory that holds one")
    show.add_argument("--svg", type=Path, metavar="OUT", help="write the picture to this file")
    show.add_argument("--name", metavar="NAME", help="only what was done to this name below the device")
    show.add_argument("--steps", metavar="FROM..TO", help="only from the one step's call to the other's return")
    show.add_argument("--time", metavar="FROM..TO", help="only from this to that millisecond, as in 120..125.5")
    show.set_defaults(act=show_history)
    judge = commands.add_parser("check", help="judge a history by the reference model of lab.yaml")
    judge.add_argument("file", type=Path, help="a history.jsonl, or a directory that holds one")
    judge.add_argument("--svg", type=Path, metavar="OUT", help="write the picture of a contradiction to this file")
    judge.add_argument("--deadline", type=float, default=DEADLINE, help="seconds (default: %(default)g)")
    judge.set_defaults(act=check_history)


def show_history(options: argparse.Namespace, _: Callable[[], Config]) -> int:
    """Draw a history file, a long one as an overview. Raises UsageError for a file or a range that is none."""
    operations = _operations(options.file)
    if options.name is not None:
        operations = [each for each in operations if each.path.lower().endswith("\\" + options.name.lower())]
    if options.steps is not None:
        operations = _between(operations, options.steps)
    if options.time is not None:
        operations = _at(operations, options.time)
    if options.svg is not None:
        options.svg.write_text(_picture(operations, str(options.file)), encoding="utf-8")
        return 0
    console = plain_console()
    for line in _lines(operations, console.width):
        console.print(line, soft_wrap=True)
    return 0


def _lines(operations: list[Operation], width: int) -> list[Text]:
    if len(operations) <= MAX_DRAWN:
        return draw_text(lanes_of(operations), width)
    return [*draw_overview_text(overview_of(operations), width), Text(f"({PART})")]


def _picture(operations: list[Operation], title: str) -> str:
    if len(operations) <= MAX_DRAWN:
        return draw_svg(lanes_of(operations), title)
    return draw_overview_svg(overview_of(operations), title)


def check_history(options: argparse.Namespace, read_config: Callable[[], Config]) -> int:
    """Say for each part of the driver's state what the search found: 0 if all can be explained."""
    config = read_config()
    if config.model is None:
        raise UsageError("there is no reference model to judge by", "`model: FILE.py:CLASS` in lab.yaml names it")
    model = load_model(config.model, config.device)
    worst = 0
    for part in check(_operations(options.file), model, options.deadline):
        configurations = f"{part.search.looked_at} configurations looked at"
        print(f"{part.key}: {part.decision.value} ({len(part.operations)} operations, {configurations})")
        if part.decision is Decision.NOT_LINEARIZABLE:
            found = explain(part, model)
            print(explain_in_words(found))
            if options.svg is not None:
                picture = draw_svg(lanes_of(found.operations, found.core), found.headline, found.before)
                options.svg.write_text(picture, encoding="utf-8")
        worst = max(worst, 0 if part.decision is Decision.LINEARIZABLE else 1)
    return worst


def _operations(path: Path) -> list[Operation]:
    return read_history(path / "history.jsonl" if path.is_dir() else path)


def _between(operations: list[Operation], steps: str) -> list[Operation]:
    first, dots, last = steps.partition("..")
    times = {}
    for name in (first, last or first):
        found = [each for each in operations if each.id == name]
        if not found:
            raise UsageError(f"--steps: there is no step {name!r} in this history", "a step's id as in result.json")
        times[name] = found
    begin = min(each.t0 for each in times[first])
    end = max(each.t1 for each in times[last if dots and last else first])
    return [each for each in operations if each.t1 >= begin and each.t0 <= end]


def _at(operations: list[Operation], times: str) -> list[Operation]:
    first, _, last = times.partition("..")
    try:
        begin, end = float(first) * 1000, float(last) * 1000
    except ValueError:
        raise UsageError(f"--time: {times!r} is no range", "milliseconds, as in 120..125.5") from None
    return [each for each in operations if each.t1 >= begin and each.t0 <= end]
