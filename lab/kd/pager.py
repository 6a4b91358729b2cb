"""Long output through the user's pager, like git's."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console

_LESS = "FRX"
"""Leave at once when all fits on the screen, let colours through, leave the text on the screen."""


@contextmanager
def paged_console(*, wanted: bool = True) -> Iterator[Console]:
    """A console whose output can be paged through if stdout is a terminal; on stdout itself otherwise.

    $PAGER is the pager, `less` without one; `PAGER=cat` or an empty one means none. The block ends quietly, however
    much it still had to say, when the user leaves the pager or interrupts.
    """
    pager = _start() if wanted and sys.stdout.isatty() else None
    if pager is None or pager.stdin is None:
        yield Console(highlight=False, soft_wrap=True)
        return
    size = shutil.get_terminal_size()
    console = Console(file=pager.stdin, force_terminal=True, width=size.columns, highlight=False, soft_wrap=True)
    try:
        with suppress(BrokenPipeError, KeyboardInterrupt):
            yield console
    finally:
        # Ctrl-C is the pager's own business now: it stays, with what it has.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        with suppress(BrokenPipeError):
            pager.stdin.close()
        pager.wait()
        signal.signal(signal.SIGINT, before)


def _start() -> subprocess.Popen[str] | None:
    command = shlex.split(os.environ.get("PAGER", "less"))
    if not command or command == ["cat"]:
        return None
    environment = {"LESS": _LESS, "LV": "-c"} | os.environ
    try:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, env=environment, text=True, encoding="utf-8", errors="replace", bufsize=1
        )
    except OSError:
        return None
