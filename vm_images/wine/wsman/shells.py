"""Shells and the commands in them, with their limits."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from .commands import Command
from .processes import Process
from .soap import command_not_found, new_id, quota, shell_not_found

MAX_SHELLS = 30
MAX_COMMANDS = 25
"""Commands at the same time in one shell."""


class Runner(Protocol):
    def prepare(self) -> None: ...
    def start(self, line: str, directory: str, variables: dict[str, str]) -> Process: ...
    def close(self) -> None: ...


class Shell:
    def __init__(self, directory: str, variables: dict[str, str], idle_timeout: float) -> None:
        self.id = new_id()
        self.directory = directory
        self.variables = variables
        self._idle_timeout = idle_timeout
        self._used = time.monotonic()
        self._busy = 0
        self._commands: dict[str, Command] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Shell:
        with self._lock:
            self._busy += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._busy -= 1
            self._used = time.monotonic()

    @property
    def expired(self) -> bool:
        return not self._busy and time.monotonic() - self._used > self._idle_timeout

    def run(self, runner: Runner, line: str) -> Command:
        """Raises FaultError, StartError."""
        with self._lock:
            if sum(not command.finished for command in self._commands.values()) >= MAX_COMMANDS:
                raise quota(f"the shell already runs {MAX_COMMANDS} commands")
        command = Command(new_id(), runner.start(line, self.directory, self.variables))
        with self._lock:
            self._commands[command.id] = command
        return command

    def command(self, command_id: str) -> Command:
        """Raises FaultError."""
        with self._lock:
            command = self._commands.get(command_id.upper())
        if command is None:
            raise command_not_found(command_id)
        return command

    def remove(self, command_id: str) -> None:
        with self._lock:
            self._commands.pop(command_id.upper(), None)

    def close(self) -> None:
        with self._lock:
            commands = list(self._commands.values())
            self._commands.clear()
        for command in commands:
            command.terminate()


class Shells:
    """All shells of the service."""

    def __init__(self) -> None:
        self._shells: dict[str, Shell] = {}
        self._lock = threading.Lock()

    def add(self, shell: Shell) -> None:
        """Raises FaultError."""
        self.expire()
        with self._lock:
            if len(self._shells) >= MAX_SHELLS:
                raise quota(f"there are already {MAX_SHELLS} shells; delete one")
            self._shells[shell.id] = shell

    def get(self, shell_id: str) -> Shell:
        """Raises FaultError."""
        self.expire()
        with self._lock:
            shell = self._shells.get(shell_id)
        if shell is None:
            raise shell_not_found(shell_id)
        return shell

    def delete(self, shell_id: str) -> None:
        """Raises FaultError."""
        shell = self.get(shell_id)
        with self._lock:
            self._shells.pop(shell_id, None)
        shell.close()

    def expire(self) -> None:
        with self._lock:
            expired = [shell for shell in self._shells.values() if shell.expired]
            for shell in expired:
                del self._shells[shell.id]
        for shell in expired:
            shell.close()

    def close(self) -> None:
        with self._lock:
            shells = list(self._shells.values())
            self._shells.clear()
        for shell in shells:
            shell.close()
