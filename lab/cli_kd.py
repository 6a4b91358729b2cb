"""The `lab kd` commands. Each has a module of its own with `add_arguments` and a function that does it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from lab.cli_shell import add_shell
from lab.config import find_config
from lab.kd import follow, show

if TYPE_CHECKING:
    from lab.machine.instance import Instance

Subcommands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_commands(commands: Subcommands) -> None:
    """`lab kd` and what belongs to it."""
    kd = commands.add_parser("kd", help="the kernel debugger: its log, and targets of any kind")
    subcommands = kd.add_subparsers(required=True, metavar="COMMAND")
    for add in (_follow, _show, _record, add_shell, _bridge):
        add(subcommands)


def _follow(commands: Subcommands) -> None:
    parser = commands.add_parser("follow", help="print the kd log as it grows, until Ctrl-C")
    follow.add_arguments(parser)
    _runs(parser, lambda options: follow.follow(options, lambda: lab_directory(options)))


def _show(commands: Subcommands) -> None:
    parser = commands.add_parser("show", help="print a kd log, of the VM or of results")
    show.add_arguments(parser)
    _runs(parser, lambda options: show.show(options, lambda: lab_directory(options)))


def _record(commands: Subcommands) -> None:
    parser = commands.add_parser("record", help="attach to any target, with no lab around, and log what it says")
    parser.add_argument(
        "address", metavar="ADDRESS", help="unix:PATH, tcp:HOST:PORT, a serial device like /dev/ttyS0[@BAUD], file:PATH"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE.jsonl", help="the log, gone on with if it exists (default: kd-TIME.jsonl)"
    )
    parser.add_argument("--raw", type=Path, metavar="FILE.bin", help="also keep the bytes that the target sends")
    parser.add_argument(
        "--stop-policy",
        choices=["continue", "hold"],
        default="continue",
        help="what to do when the target stops: let it run on (default), or hold it until this command ends",
    )
    parser.add_argument("--break-in", action="store_true", help="stop the target first, and show where it is")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="end after so long (default: at Ctrl-C)")
    _runs(parser, _do_record)


def _do_record(options: argparse.Namespace) -> int:
    from lab.kd.record import record

    return record(options)


def _bridge(commands: Subcommands) -> None:
    parser = commands.add_parser("bridge", help="let WinDbg or another debugger attach to the guest over TCP")
    parser.add_argument(
        "--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="where, on loopback (default: any free port)"
    )
    _runs(parser, _serve_bridge)


def _runs(parser: argparse.ArgumentParser, command: Callable[[argparse.Namespace], int | None]) -> None:
    parser.set_defaults(run=lambda options: command(options) or 0)


def _serve_bridge(options: argparse.Namespace) -> None:
    from lab.kd.relay import Relay
    from lab.machine.instance import KD_BRIDGE_SOCKET

    def tell(text: str) -> None:
        print(text, flush=True)

    bridge = require_lab(options).path(KD_BRIDGE_SOCKET)
    relay = Relay(options.listen, bridge, tell)
    tell(f"listening on 127.0.0.1:{relay.port}; the lab's own log goes on meanwhile; Ctrl-C ends it")
    tell(f"  WinDbg:            windbg -k com:ipport={relay.port},port=127.0.0.1")
    tell(f"  from elsewhere:    ssh -L {relay.port}:127.0.0.1:{relay.port} HOST, then the same there")
    tell(f"  another recorder:  lab kd record tcp:127.0.0.1:{relay.port}")
    try:
        relay.serve()
    except KeyboardInterrupt:
        tell("ended")
    finally:
        relay.close()


def require_lab(options: argparse.Namespace) -> Instance:
    """The VM directory of the lab that is up. Raises GuestLostError when it is not."""
    from lab.errors import GuestLostError
    from lab.machine.instance import Instance

    instance = Instance(lab_directory(options) / ".lab" / "vm")
    if not instance.is_supervised():
        raise GuestLostError("the lab is down", "start it: make lab-up")
    return instance


def lab_directory(options: argparse.Namespace) -> Path:
    """Where lab.yaml is: what is in it does not matter to who looks at a log or attaches a debugger."""
    config: Path = options.config or find_config(Path.cwd())
    return config.resolve().parent
