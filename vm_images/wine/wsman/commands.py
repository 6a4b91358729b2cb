"""A running command: one thread moves its streams, requests take what has come."""

from __future__ import annotations

import os
import select
import threading
import time

from .processes import Process

_READ = 65536
_HOLD = 1024 * 1024
"""Bytes of output held per command; beyond that the program waits."""
_HOLD_INPUT = 4 * 1024 * 1024
_LINGER = 0.5
"""Seconds to wait, after the end of the program, for output of what it left behind."""
_KILL_WAIT = 10.0
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


class Output:
    """What one Receive takes. `exit_code` is set in the last one."""

    def __init__(self, streams: dict[str, bytes], exit_code: int | None) -> None:
        self.streams = streams
        self.exit_code = exit_code


class InputFullError(Exception):
    """More input than a command may leave unread."""


class Command:
    """Owns a process and its pipes until the process has ended."""

    def __init__(self, command_id: str, process: Process) -> None:
        self.id = command_id
        self._process = process
        self._changed = threading.Condition()
        self._output = {"stdout": bytearray(), "stderr": bytearray()}
        self._input = bytearray()
        self._input_ended = False
        self._exit_code: int | None = None
        self._finished = False
        self._aborted = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        threading.Thread(target=self._pump, name="command", daemon=True).start()

    # --- for requests ---

    @property
    def aborted(self) -> bool:
        return self._aborted

    @property
    def finished(self) -> bool:
        return self._finished

    def receive(self, names: list[str], limit: int, timeout: float, settle: float) -> Output | None:
        """Waits up to `timeout` seconds for output or the end; None if there was neither.

        After the first output it waits `settle` seconds more: a short command then needs one answer, not two.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (self._held() or self._finished or self._aborted):
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)
            settled = time.monotonic() + settle
            while not self._finished and not self._aborted and self._held() < limit:
                left = settled - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            output = Output(self._take(names, limit), self._exit_code if self._finished else None)
            if self._held():
                output.exit_code = None
        self._poke()
        return output

    def send(self, data: bytes, end: bool) -> None:
        """Raises InputFullError. Input for a program that has ended or closed its input is dropped, as Windows does."""
        with self._changed:
            if len(self._input) + len(data) > _HOLD_INPUT:
                raise InputFullError
            if not self._input_ended:
                self._input += data
                self._input_ended = end
        self._poke()

    def interrupt(self) -> None:
        if not self._finished:
            self._process.interrupt()

    def terminate(self) -> None:
        """Ends the program; whoever waits for output is told."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()
        if self._exit_code is None:
            self._process.kill()
        self._poke()

    def _held(self) -> int:
        return len(self._output["stdout"]) + len(self._output["stderr"])

    def _take(self, names: list[str], limit: int) -> dict[str, bytes]:
        taken = {}
        for name, held in self._output.items():
            data = bytes(held[:limit])
            del held[:limit]
            limit -= len(data)
            if name in names:
                taken[name] = data
        return taken

    def _poke(self) -> None:
        with self._changed:
            if not self._finished:
                os.eventfd_write(self._wake, 1)

    # --- the thread ---

    def _pump(self) -> None:
        process = self._process
        readers = {process.stdout: "stdout", process.stderr: "stderr"}
        writer: int | None = process.stdin
        give_up: float | None = None
        while True:
            writer = self._feed(writer)
            poller, timeout = self._interests(readers, writer), None
            if self._exit_code is not None:
                if not readers or self._aborted:
                    break
                full = self._held() >= _HOLD
                give_up = None if full else give_up or time.monotonic() + _LINGER
            elif self._aborted:
                give_up = give_up or time.monotonic() + _KILL_WAIT
            if give_up is not None:
                timeout = (give_up - time.monotonic()) * 1000
                if timeout <= 0:
                    break
            for fd, _ in poller.poll(timeout):
                if fd in readers:
                    self._read(fd, readers)
                    if self._exit_code is not None:
                        give_up = time.monotonic() + _LINGER
                elif fd == process.exit_fd:
                    self._exit_code = process.exit_code()
                elif fd == self._wake:
                    os.eventfd_read(self._wake)
        if self._exit_code is None:
            process.abandon()
        self._finish([*readers, *([writer] if writer is not None else [])])

    def _interests(self, readers: dict[int, str], writer: int | None) -> select.poll:
        poller = select.poll()
        poller.register(self._wake, select.POLLIN)
        if self._exit_code is None:
            poller.register(self._process.exit_fd, select.POLLIN)
        if self._held() < _HOLD:
            for fd in readers:
                poller.register(fd, _READABLE)
        if writer is not None and self._input:
            poller.register(writer, select.POLLOUT)
        return poller

    def _read(self, fd: int, readers: dict[int, str]) -> None:
        try:
            data = os.read(fd, _READ)
        except BlockingIOError:
            return
        if not data:
            os.close(fd)
            del readers[fd]
            return
        with self._changed:
            self._output[readers[fd]] += data
            self._changed.notify_all()

    def _feed(self, writer: int | None) -> int | None:
        """Writes what the program takes now; closes its input at the end of it."""
        if writer is None:
            return None
        with self._changed:
            try:
                while self._input:
                    del self._input[: os.write(writer, self._input[:_READ])]
            except BlockingIOError:
                return writer
            except OSError:
                self._input.clear()
                self._input_ended = True
            if not self._input_ended:
                return writer
        os.close(writer)
        return None

    def _finish(self, open_fds: list[int]) -> None:
        for fd in (*open_fds, self._process.exit_fd):
            os.close(fd)
        with self._changed:
            if self._exit_code is None:
                self._exit_code = 0xC000013A
            self._finished = True
            os.close(self._wake)
            self._changed.notify_all()
