"""The resident Windows process that starts programs and knows their whole exit codes (see ../starter)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time

_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")
_CANCELLED = 0xC000013A
_MAX_LINE = 120 * 1024
_ANSWER_TIMEOUT = 120.0
"""Seconds. Wine itself may have to come up first, on an emulated machine."""


_LAST_ANSWERS = 0.1
"""Seconds after its end in which answers may still be read."""


class StartError(Exception):
    """A program could not be started; `code` is a Win32 error."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def _token(text: str) -> str:
    data = text.encode("utf-8", "replace")
    return "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in data) or "%"


class _Task:
    def __init__(self, exit_fd: int) -> None:
        self.exit_fd = exit_fd
        self.answered = threading.Event()
        self.error: int | None = None
        self.code = _CANCELLED

    def end(self) -> None:
        # The owner may have closed it: then nobody waits.
        with contextlib.suppress(OSError):
            os.eventfd_write(self.exit_fd, 1)
        self.answered.set()


class Starter:
    """Owns the process. Raises StartError if it cannot be run."""

    def __init__(self, command: list[str]) -> None:
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
            )
        except OSError as error:
            raise StartError(error.errno or 0, f"cannot run {command[0]}: {error.strerror}") from None
        self._lock = threading.Lock()
        self._tasks: dict[str, _Task] = {}
        self.alive = True
        threading.Thread(target=self._read, name="starter-answers", daemon=True).start()
        threading.Thread(target=self._watch, name="starter-end", daemon=True).start()

    def start(
        self,
        name: str,
        streams: tuple[int, int, int],
        exit_fd: int,
        line: str,
        directory: str,
        variables: dict[str, str],
    ) -> None:
        """Raises StartError."""
        task = _Task(exit_fd)
        with self._lock:
            self._tasks[name] = task
        # The starter opens our ends of the pipes for itself: Wine inherits no descriptors into a running process.
        paths = [f"/proc/{os.getpid()}/fd/{fd}" for fd in streams]
        settings = [f"{key}={value}" for key, value in variables.items()]
        self.send("start", name, *paths, directory, line, *settings)
        if not task.answered.wait(_ANSWER_TIMEOUT):
            self.close()
            raise StartError(1460, "the starter does not answer")
        if task.error is not None or not self.alive:
            with self._lock:
                self._tasks.pop(name, None)
            raise StartError(task.error or 1067, f"cannot start the command (Win32 error {task.error or 1067})")

    def exit_code(self, name: str) -> int:
        with self._lock:
            task = self._tasks.pop(name, None)
        return _CANCELLED if task is None else task.code

    def send(self, verb: str, *tokens: str) -> None:
        """Raises StartError if the request is too long. A dead starter is noticed by its reader."""
        request = " ".join((verb, *map(_token, tokens))) + "\n"
        if len(request) > _MAX_LINE:
            raise StartError(206, "the command line and its environment are too long")
        assert self._process.stdin is not None  # noqa: S101 -- for the type checker
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(request.encode())

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 -- for the type checker
        with contextlib.suppress(OSError, ValueError):
            for line in iter(self._process.stdout.readline, b""):
                parts = line.decode("ascii", "replace").split()
                if len(parts) == 3 and parts[2].isdigit():
                    self._note(parts[0], parts[1], int(parts[2]))

    def _watch(self) -> None:
        # Its answers have no end while Wine's services live: they inherit the pipe from it.
        self._process.wait()
        time.sleep(_LAST_ANSWERS)
        self.alive = False
        with self._lock:
            for task in self._tasks.values():
                task.end()

    def _note(self, what: str, name: str, number: int) -> None:
        with self._lock:
            task = self._tasks.get(name)
        if task is None:
            return
        if what == "started":
            task.answered.set()
        elif what == "failed":
            task.error = number
            task.answered.set()
        elif what == "exited":
            task.code = number
            task.end()

    def close(self) -> None:
        """Ends it; it kills what it has started."""
        assert self._process.stdin is not None  # noqa: S101 -- for the type checker
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
