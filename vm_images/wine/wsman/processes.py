"""Starting programs: by the resident Windows starter, or directly as Unix processes (for machines without Wine)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading

from .starter import Starter, StartError

__all__ = ["DirectRunner", "Process", "StartError", "StarterRunner"]


class Process:
    """A started program: three pipe ends of ours, and a descriptor that is readable when it has ended."""

    def __init__(self, stdin: int, stdout: int, stderr: int, exit_fd: int) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.exit_fd = exit_fd

    def exit_code(self) -> int:
        """32 bits, unsigned. Only after `exit_fd` was readable."""
        raise NotImplementedError

    def interrupt(self) -> None:
        """Ctrl-C, as far as there is such a thing."""
        raise NotImplementedError

    def kill(self) -> None:
        """Ends it and what it has started."""
        raise NotImplementedError

    def abandon(self) -> None:
        """It does not end although it was killed: nobody waits for it any more."""


class DirectProcess(Process):
    def __init__(self, popen: subprocess.Popen[bytes], stdin: int, stdout: int, stderr: int) -> None:
        super().__init__(stdin, stdout, stderr, os.pidfd_open(popen.pid))
        self._popen = popen

    def exit_code(self) -> int:
        return self._popen.wait() & 0xFFFFFFFF

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, number)

    def interrupt(self) -> None:
        self._signal_group(signal.SIGINT)

    def kill(self) -> None:
        self._signal_group(signal.SIGKILL)


class DirectRunner:
    """Runs command lines by /bin/sh."""

    def prepare(self) -> None:
        pass

    def start(self, line: str, directory: str, variables: dict[str, str]) -> Process:
        """Raises StartError."""
        pipes = _Pipes()
        try:
            popen = subprocess.Popen(  # noqa: S602 -- running command lines is the service
                line,
                shell=True,
                stdin=pipes.child[0],
                stdout=pipes.child[1],
                stderr=pipes.child[2],
                cwd=directory or None,
                env={**os.environ, **variables},
                start_new_session=True,
            )
        except OSError as error:
            pipes.close_ours()
            raise StartError(error.errno or 0, str(error)) from None
        finally:
            pipes.close_child()
        return DirectProcess(popen, *pipes.ours)

    def close(self) -> None:
        pass


class StarterProcess(Process):
    def __init__(self, starter: Starter, task: str, ours: tuple[int, int, int], exit_fd: int) -> None:
        super().__init__(*ours, exit_fd)
        self._starter = starter
        self._task = task

    def exit_code(self) -> int:
        return self._starter.exit_code(self._task)

    def interrupt(self) -> None:
        self._starter.send("break", self._task)

    def kill(self) -> None:
        self._starter.send("kill", self._task)

    def abandon(self) -> None:
        self._starter.exit_code(self._task)


class StarterRunner:
    """Runs command lines as `cmd.exe` would, through a starter that stays resident and is replaced when it dies."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._starter: Starter | None = None
        self._count = 0

    def _living(self) -> Starter:
        with self._lock:
            if self._starter is None or not self._starter.alive:
                if self._starter is not None:
                    self._starter.close()
                self._starter = Starter(self._command)
            return self._starter

    def prepare(self) -> None:
        """Raises StartError."""
        self._living()

    def start(self, line: str, directory: str, variables: dict[str, str]) -> Process:
        """Raises StartError."""
        starter = self._living()
        with self._lock:
            self._count += 1
            task = str(self._count)
        pipes = _Pipes()
        exit_fd = os.eventfd(0, os.EFD_CLOEXEC)
        try:
            starter.start(task, pipes.child, exit_fd, line, directory, variables)
        except StartError:
            pipes.close_ours()
            os.close(exit_fd)
            raise
        finally:
            pipes.close_child()
        return StarterProcess(starter, task, pipes.ours, exit_fd)

    def close(self) -> None:
        with self._lock:
            if self._starter is not None:
                self._starter.close()
                self._starter = None


class _Pipes:
    """stdin, stdout and stderr of a child; ours do not block."""

    def __init__(self) -> None:
        (in_read, in_write), (out_read, out_write), (err_read, err_write) = (os.pipe2(os.O_CLOEXEC) for _ in range(3))
        self.child = (in_read, out_write, err_write)
        self.ours = (in_write, out_read, err_read)
        for fd in self.ours:
            os.set_blocking(fd, False)

    def close_child(self) -> None:
        for fd in self.child:
            os.close(fd)

    def close_ours(self) -> None:
        for fd in self.ours:
            os.close(fd)
