"""The `lab crash` commands."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from lab.cli_kd import Subcommands
from lab.config import find_config, load_config
from lab.document import printable

MAX_NOTE = 300
"""Characters."""
MAX_SCENARIOS = 5


def add_commands(commands: Subcommands) -> None:
    """`lab crash` and what belongs to it."""
    crash = commands.add_parser("crash", help="crash dumps: what happened, where")
    subcommands = crash.add_subparsers(required=True, metavar="COMMAND")
    _show(subcommands)
    _list(subcommands)


def _show(commands: Subcommands) -> None:
    parser = commands.add_parser("show", help="explain a dump file: kernel dumps and user-mode minidumps of any kind")
    parser.add_argument("file", type=Path, metavar="FILE", help="the dump, also one packed as .gz or .zst")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument(
        "--symbols",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="where images and PDBs are, or a symbol store; may be given more than once"
        " (default: beside the dump, and where lab.yaml's drivers are)",
    )
    parser.set_defaults(run=_do_show)


def _do_show(options: argparse.Namespace) -> int:
    from lab.crash.open_dump import open_dump
    from lab.crash.report import make_report
    from lab.crash.scene_symbols import scene_symbols

    scene = open_dump(options.file)
    symbols = scene_symbols(scene, _symbol_directories(options))
    report = make_report(scene, symbols)
    refused = dict.fromkeys(printable(text, MAX_NOTE) for module in symbols.modules for text in module.refused)
    report = replace(report, notes=(*report.notes, *refused))
    if options.json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        print(report.text(), end="")
    return 0


def _list(commands: Subcommands) -> None:
    parser = commands.add_parser("list", help="the crashes in results, grouped by signature: how often, first, last")
    parser.add_argument(
        "directory", type=Path, nargs="?", metavar="DIR", help="where results are (default: artifacts beside lab.yaml)"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=_do_list)


def _do_list(options: argparse.Namespace) -> int:
    from lab.crash.store import day, group_crashes
    from lab.document import display_path

    root = options.directory or (options.config or find_config(Path.cwd())).resolve().parent / "artifacts"
    groups = group_crashes(root)
    if options.json:
        print(json.dumps([group.to_json() for group in groups], indent=1))
        return 0
    for group in groups:
        often = "once" if len(group.crashes) == 1 else f"{len(group.crashes)} times"
        print(f"{group.hash or 'unknown':<8}  {group.text}")
        print(f"          {often}, first {day(group.first.began)}, last {day(group.last.began)} UTC")
        print(f"          in {', '.join(group.scenarios[:MAX_SCENARIOS])}; last: {display_path(group.last.directory)}")
    if not groups:
        print(f"no crashes in {display_path(root)}")
    return 0


def _symbol_directories(options: argparse.Namespace) -> list[Path]:
    """What the user names, beside the dump, where the lab's drivers are. Raises UsageError."""
    from lab.bridge_client import symbol_directories
    from lab.errors import UsageError

    for each in options.symbols:
        if not each.is_dir():
            raise UsageError(f"no directory {each}", "name one that holds images and PDBs")
    try:
        drivers = symbol_directories(load_config(options.config or find_config(Path.cwd())))
    except UsageError:
        if options.config:
            raise
        drivers = []  # A dump can be looked at without a lab.
    return [*options.symbols, options.file.parent, *drivers]
