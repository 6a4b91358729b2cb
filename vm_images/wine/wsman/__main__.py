"""The command line: `python3 -m wsman --credentials FILE [--listen ADDRESS:PORT] ...`"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from types import FrameType

from .auth import Users
from .processes import DirectRunner, StartError, StarterRunner
from .server import Server
from .service import Service
from .shells import Runner


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="wsman", description="WS-Management shell service.")
    parser.add_argument("--credentials", type=Path, required=True, help="file with lines DOMAIN:NAME:PASSWORD")
    parser.add_argument("--listen", default="0.0.0.0:5985", metavar="ADDRESS:PORT", help="port 0: any")
    parser.add_argument("--idle-timeout", type=float, default=7200, metavar="SECONDS", help="of shells")
    parser.add_argument(
        "--runner", choices=("starter", "direct"), default="starter", help="direct: /bin/sh, without Wine"
    )
    parser.add_argument("--starter", default="/usr/lib/lab/starter.exe", metavar="FILE", help="starter.exe")
    parser.add_argument("--wine", default="wine", metavar="FILE", help="Wine's loader, which runs the starter")
    parser.add_argument("--prestart", action="store_true", help="run the starter before the first command")
    return parser.parse_args()


def _prepare(runner: Runner | None) -> None:
    """What the first requests would have to wait for. NTLM first: it needs no Wine, which itself is only starting."""
    gc.disable()  # The collector finds nothing in modules, but takes a tenth of the time that they take to load.
    from . import ntlm  # noqa: F401

    gc.enable()
    try:
        if runner:
            runner.prepare()
    except StartError as error:
        print(f"wsman: {error}", file=sys.stderr, flush=True)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> int:
    arguments = _arguments()
    computer = socket.gethostname()
    try:
        users = Users.read(arguments.credentials)
    except (OSError, ValueError) as error:
        print(f"wsman: {arguments.credentials}: {error}", file=sys.stderr)
        return 2
    host, _, port = arguments.listen.rpartition(":")
    runner: Runner = DirectRunner()
    if arguments.runner == "starter":
        runner = StarterRunner([arguments.wine, arguments.starter])
    service = Service(runner, computer, arguments.idle_timeout)
    threading.stack_size(512 * 1024)
    try:
        server = Server((host, int(port)), users, service)
    except (OSError, ValueError, OverflowError) as error:
        print(f"wsman: cannot listen on {arguments.listen}: {error}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    print(f"wsman: listening on {host}:{server.port}, pid {os.getpid()}", flush=True)
    # What NTLM goes by: the users, and that only version 2 is good enough.
    os.environ.update(NTLM_USER_FILE=str(arguments.credentials), LM_COMPAT_LEVEL="5")
    threading.Thread(target=_prepare, args=(runner if arguments.prestart else None,), daemon=True).start()
    try:
        server.run()
    finally:
        server.close()
        service.shells.close()
        runner.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
