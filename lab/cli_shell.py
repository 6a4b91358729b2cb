"""`lab kd shell`, on the command line."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from lab.config import Config, find_config, load_config
from lab.errors import UsageError

PATIENCE = 60.0


def add_shell(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `shell` to the commands of `lab kd`."""
    parser = commands.add_parser(
        "shell",
        help="a debugger's prompt on this lab's target, or on any other",
        description="A prompt on a kernel debugger target: registers, memory, stack, breakpoints, structures; with the "
        "names that WinDbg gives them. The target runs on when it is left, however that happens.",
    )
    parser.add_argument("address", nargs="?", metavar="ADDRESS", help="default: this lab's VM; else as for `record`")
    parser.add_argument(
        "-c", action="append", metavar="COMMANDS", help='do these and leave: -c "break; k"; may be given several times'
    )
    parser.add_argument("--symbols", action="append", type=Path, default=[], metavar="DIR", help="look for PDBs there")
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE,
        metavar="SECONDS",
        help=f"with -c or from a pipe: how long g waits for a stop (default: {PATIENCE:g})",
    )
    parser.set_defaults(run=_shell)


def _shell(options: argparse.Namespace) -> int:
    from lab.bridge_client import open_bridge, symbol_directories
    from lab.kd.address import open_address
    from lab.kd.shell import run_shell
    from lab.running import instance_of

    for each in options.symbols:
        if not each.is_dir():
            raise UsageError(f"no directory {each}", "name one that holds PDBs")
    config = _config(options)
    if options.address:
        transport = open_address(options.address)
    elif config is None:
        raise UsageError("no lab.yaml here or above", "name the target's address: lab kd shell unix:/path/of/socket")
    else:
        transport = open_bridge(instance_of(config))
    directories = [*options.symbols, *(symbol_directories(config) if config else [])]
    run_shell(transport, directories, options.c, _history(), options.patience)
    return 0


def _config(options: argparse.Namespace) -> Config | None:
    """The lab's; a target of its own needs none."""
    try:
        return load_config(options.config or find_config(Path.cwd()))
    except UsageError:
        if options.address and not options.config:
            return None
        raise


def _history() -> Path:
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "driver-lab" / "kd-history"
