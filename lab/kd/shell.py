"""`lab kd shell`: a prompt on a target."""

from __future__ import annotations

import cmd
import contextlib
import re
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType

from lab.errors import GuestLostError, LabError
from lab.kd.client import KdClient
from lab.kd.debugger import Debugger
from lab.kd.shell_listener import Listener, Terminal
from lab.kd.shell_look import LOOKING
from lab.kd.shell_run import RUNNING, await_stop, start
from lab.kd.shell_state import CommandError, ShellState
from lab.kd.target import INTERACTIVE, Target
from lab.kd.transport import Transport

HISTORY_LENGTH = 1000
TWICE = 2.0
"""Two Ctrl-C within so many seconds leave the shell."""
MAX_COMPLETIONS = 200
_COMMAND = re.compile(r"\s*(\?\?|[?~]|\.?[A-Za-z_]+)\s*(.*)", re.DOTALL)
_COMMANDS = {name: each for each in (*LOOKING, *RUNNING) for name in each.names}


class Shell(cmd.Cmd):
    """Reads commands and carries them out."""

    def __init__(self, state: ShellState, terminal: Terminal, history: Path | None) -> None:
        super().__init__()
        self._state = state
        self._terminal = terminal
        self._history = history
        self._interrupted = 0.0
        terminal.prompt = self.prompt_text

    def prompt_text(self) -> str:
        """`kd> ` when the target stands still."""
        return "kd> " if self._state.is_stopped else "(running) kd> "

    def interact(self) -> None:
        """Prompt until `q`, the end of input or two Ctrl-C."""
        with self._readline():
            while not self._state.finished:
                line = self._ask()
                if line is None or self._state.listener.lost:
                    return
                self._attempt(line)

    def execute(self, lines: Iterable[str]) -> None:
        """Carry out commands; what comes after a failing one is not done. Raises LabError."""
        for line in lines:
            for command in split(line):
                if self._state.finished:
                    return
                self.do(command)

    def do(self, line: str) -> None:
        """Carry out one command. Raises LabError."""
        match = _COMMAND.fullmatch(line)
        if match is None:
            raise CommandError(f"not a command: {line.strip()[:40]!r}", "help lists them")
        name, rest = match[1], match[2].strip()
        if name in ("help", "h"):
            self._help(rest)
            return
        command = _COMMANDS.get(name)
        if command is None:
            raise CommandError(f"no command {name!r}", "help lists them")
        if command.stopped and not self._state.is_stopped:
            raise CommandError(f"{name} needs a target that stands still", "stop it: break, or Ctrl-C")
        command.run(self._state, rest)

    def completenames(self, text: str, *_: object) -> list[str]:
        return [name for name in [*_COMMANDS, "help"] if name.startswith(text)]

    def completedefault(self, text: str, *_: object) -> list[str]:
        return list(self._names(text)) if len(text) > 1 and self._state.is_stopped else []

    def _names(self, text: str) -> Iterator[str]:
        module_name, bang, start = text.rpartition("!")
        shown = 0
        for module in self._state.debugger.symbols.modules:
            if not module.may_have_pdb or module.pdb is None or (bang and not module.name.startswith(module_name)):
                continue
            known = [*module.pdb.by_name, *([] if bang else module.pdb.types.names())]
            for name in known:
                if name.startswith(start) and shown < MAX_COMPLETIONS:
                    shown += 1
                    yield f"{module.name}!{name}" if bang else name

    def _help(self, name: str) -> None:
        if name:
            command = _COMMANDS.get(name)
            if command is None:
                raise CommandError(f"no command {name!r}", "help lists them")
            self._state.say(f"{command.usage:<26} {command.help}")
            return
        for command in (*LOOKING, *RUNNING):
            self._state.say(f"  {command.usage:<26} {command.help}")
        self._state.say(
            "  Several commands: k; r; g. Numbers are hexadecimal. Addresses: symbols, registers, poi(...),"
        )
        self._state.say("  members (Irp->Tail.Overlay) of the arguments at a function's first instruction.")

    def _ask(self) -> str | None:
        """A line; empty after one Ctrl-C, None at the end."""
        self._terminal.typing = sys.stdin.isatty()
        try:
            line = input(self.prompt_text())
            self._interrupted = 0.0
            return line
        except EOFError:
            print()
            return None
        except KeyboardInterrupt:
            print()
            again = time.monotonic() - self._interrupted < TWICE
            self._interrupted = time.monotonic()
            if again:
                return None
            return "" if self._state.is_stopped else "break"
        finally:
            self._terminal.typing = False

    def _attempt(self, line: str) -> None:
        try:
            self.execute([line])
        except KeyboardInterrupt:
            self._interrupted = time.monotonic()
            self._state.say("(interrupted)")
        except LabError as error:
            self._state.say(one_line(error))
            self._state.finished = self._state.finished or isinstance(error, GuestLostError)

    @contextlib.contextmanager
    def _readline(self) -> Iterator[None]:
        import readline

        before = readline.get_completer(), readline.get_completer_delims()
        readline.set_completer(self.complete)  # type: ignore[arg-type]
        readline.set_completer_delims(" \t\n;()+@")
        readline.parse_and_bind("tab: complete")
        if self._history:
            with contextlib.suppress(OSError):
                readline.read_history_file(self._history)
            readline.set_history_length(HISTORY_LENGTH)
        try:
            yield
        finally:
            readline.set_completer(before[0])
            readline.set_completer_delims(before[1])
            if self._history:
                with contextlib.suppress(OSError):
                    self._history.parent.mkdir(parents=True, exist_ok=True)
                    readline.write_history_file(self._history)


def split(line: str) -> list[str]:
    """The commands of a line; `#` begins a remark."""
    pieces = line.split("#", 1)[0].split(";")
    return [each.strip() for each in pieces if each.strip()]


def one_line(error: LabError) -> str:
    """An error with its advice."""
    return f"{error}: {error.advice}" if error.advice else str(error)


def run_shell(
    transport: Transport,
    symbol_directories: list[Path],
    commands: list[str] | None = None,
    history: Path | None = None,
    patience: float = 60.0,
) -> None:
    """A shell on the target behind `transport`, until it is left; then the target runs on.

    `commands` are carried out instead of asking for some; each `g` among them but the last waits `patience` seconds
    for a stop. Raises LabError when one of them fails.
    """
    client = KdClient(transport, policy=INTERACTIVE)
    terminal = Terminal()
    listener = Listener(client, terminal.say)
    with _until_killed(), _running(client, listener), Target(client) as target:
        debugger = Debugger(target, symbol_directories)
        state = ShellState(client, target, debugger, listener, terminal.say)
        shell = Shell(state, terminal, history)
        if commands is not None or not sys.stdin.isatty():
            state.patience = patience
            _script(shell, state, sys.stdin if commands is None else commands)
        else:
            terminal.say("help lists the commands; Ctrl-C stops the target, q leaves")
            shell.interact()


def _script(shell: Shell, state: ShellState, lines: Iterable[str]) -> None:
    """Each command as its line comes. A `g` waits for its stop when a command comes after it."""
    goes = False
    for command in (command for line in lines for command in split(line)):
        if goes:
            await_stop(state)
        goes = command == "g"
        if goes:
            start(state)
        else:
            shell.do(command)
        if state.finished:
            return


@contextlib.contextmanager
def _running(client: KdClient, listener: Listener) -> Iterator[None]:
    """The client at work; in the end the target runs."""
    client.start()
    try:
        yield
    finally:
        # A third Ctrl-C must not keep the target from being continued.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        listener.close()
        client.close()
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _until_killed() -> Iterator[None]:
    """SIGTERM and SIGHUP end the shell in order, so that the target is continued."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {each: signal.signal(each, leave) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
