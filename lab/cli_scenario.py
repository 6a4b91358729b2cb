"""The `lab scenario` commands: write, check and look at scenarios, without any guest."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from lab.config import find_config, load_config
from lab.document import FileError, display_path
from lab.errors import UsageError

if TYPE_CHECKING:
    from lab.scenario.model import Scenario

Subcommands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

MAX_SVG_ROWS = 3000
PIPED_WIDTH = 160
"""Columns of a picture that goes to a file or another program."""


def add_commands(commands: Subcommands) -> None:
    """`lab scenario` and what belongs to it."""
    scenario = commands.add_parser("scenario", help="write, check and look at scenarios")
    subcommands = scenario.add_subparsers(required=True, metavar="COMMAND")

    check = subcommands.add_parser("check", help="tell every mistake in scenarios; nothing boots")
    check.add_argument("paths", nargs="+", type=Path, metavar="FILE|DIRECTORY")
    check.set_defaults(run=_check)

    new = subcommands.add_parser("new", help="write a scenario to begin with")
    new.add_argument("name", metavar="NAME", help="a name for a file in scenarios/, or a path")
    new.set_defaults(run=_new)

    explain = subcommands.add_parser("explain", help="show what a scenario does, in words and as lanes")
    explain.add_argument("file", type=Path, metavar="FILE")
    explain.add_argument("--point", metavar="POINT", help="which point of the matrix, as in ids (default: the first)")
    explain.add_argument("--svg", type=Path, metavar="OUT", help="write the picture to this file")
    explain.set_defaults(run=_explain)

    schema = subcommands.add_parser("schema", help="print the JSON Schema, with the names of lab.yaml")
    schema.set_defaults(run=_schema)


def _check(options: argparse.Namespace) -> int:
    """Every problem on a line of stdout; 2 if there is any."""
    from lab.scenario.files import Configs, scenario_files
    from lab.scenario.load import load_scenarios

    configs = Configs(options.config)
    problems: dict[str, None] = {}
    files = scenarios = bad = 0
    for path in scenario_files(options.paths):
        files += 1
        try:
            scenarios += len(load_scenarios(path, configs.of(path)))
        except FileError as error:
            bad += 1
            problems |= dict.fromkeys(str(problem) for problem in error.problems)
    for problem in problems:
        print(problem)
    if problems:
        print(f"{_count(len(problems), 'problem')} in {bad} of {_count(files, 'file')}")
        return UsageError.exit_code
    print(f"no problem in {_count(files, 'file')}, which make {_count(scenarios, 'test')}")
    return 0


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _new(options: argparse.Namespace) -> int:
    from lab.scenario.published import publish_schema
    from lab.scenario.skeleton import new_scenario

    config = load_config(options.config or find_config(Path.cwd()))
    path = display_path(new_scenario(options.name, config))
    publish_schema(config)
    print(f"{path} is there and works; run it: pytest {path}")
    return 0


def _explain(options: argparse.Namespace) -> int:
    from lab.progress import plain_console
    from lab.scenario.drawing import draw_svg, draw_text
    from lab.scenario.explain import in_words
    from lab.scenario.files import Configs
    from lab.scenario.load import load_scenarios
    from lab.scenario.picture import picture_of

    scenarios = load_scenarios(options.file, Configs(options.config).of(options.file))
    scenario = _chosen(scenarios, options.point)
    picture = picture_of(scenario)
    if options.svg is not None:
        if len(picture.rows) > MAX_SVG_ROWS:
            raise UsageError(f"{len(picture.rows)} rows are too many for a picture", "without --svg they are shown")
        options.svg.write_text(draw_svg(picture), encoding="utf-8")
        return 0
    console = plain_console()
    for line in in_words(scenario):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print()
    for text in draw_text(picture, console.width if console.is_terminal else PIPED_WIDTH):
        console.print(text, soft_wrap=True)
    if len(scenarios) > 1:
        others = ", ".join(_point(each) for each in scenarios if each is not scenario)
        print(f"\none of {len(scenarios)} tests of this file; --point shows another: {others}")
    return 0


def _point(scenario: Scenario) -> str:
    """What stands in the brackets of its id."""
    return scenario.id.removeprefix(scenario.name)[1:-1]


def _chosen(scenarios: list[Scenario], point: str | None) -> Scenario:
    """`point` is a whole id, or what stands in its brackets."""
    if point is None:
        return scenarios[0]
    for each in scenarios:
        if point in (each.id, _point(each)):
            return each
    raise UsageError(f"--point: there is no {point!r}", f"one of {', '.join(map(_point, scenarios))}")


def _schema(options: argparse.Namespace) -> int:
    from lab.scenario.published import published_schema

    try:
        path = options.config or find_config(Path.cwd())
    except UsageError:
        path = None
    print(json.dumps(published_schema(load_config(path) if path else None), indent=1))
    return 0
