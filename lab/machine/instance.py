"""One VM's directory on the host: files, locks and the state that outlives a process.

Locks are `flock`s: the kernel releases them with the process that holds them, so a killed lab never blocks the next.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.errors import InfrastructureError

SPEC = "spec.json"
STATE = "state.json"
SNAPSHOTS = "snapshots.json"
CONTROL_SOCKET = "control.sock"
KD_BRIDGE_SOCKET = "kd-bridge.sock"
"""Where other debuggers attach to the guest."""
SUPERVISOR_LOG = "supervisor.log"
QEMU_LOG = "qemu.log"
KEPT_LOGS = 10


class Instance:
    """Paths, locks and small state files of the VM that lives in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()

    def path(self, name: str) -> Path:
        return self.directory / name

    def create(self) -> None:
        """Make the directory, private to its owner: its sockets control the VM."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def lock(self, name: str, busy: str, wait: float = 0.0) -> Iterator[None]:
        """Hold the lock `name`; raise InfrastructureError(`busy`, naming the holder) if taken for `wait` seconds."""
        fd = os.open(self.path(f"{name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + wait
            while not _try_lock(fd):
                if time.monotonic() >= deadline:
                    holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
                    raise InfrastructureError(f"{busy} (process {holder})", "wait for it, or end that process")
                time.sleep(0.05)
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(fd)

    def is_supervised(self) -> bool:
        """Whether a supervisor process holds this VM now."""
        try:
            fd = os.open(self.path("supervisor.lock"), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(fd)
        finally:
            os.close(fd)

    def read(self, name: str) -> dict[str, Any]:
        """A state file's content; empty when it does not exist or was cut short."""
        try:
            data = json.loads(self.path(name).read_text())
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def write(self, name: str, data: dict[str, Any]) -> None:
        """Replace a state file atomically."""
        temporary = self.path(f".{name}.new")
        temporary.write_text(json.dumps(data, indent=1) + "\n")
        temporary.replace(self.path(name))

    def new_log_directory(self) -> Path:
        """A fresh directory for the logs of one VM start; `logs/current` points at it, the oldest are dropped."""
        logs = self.path("logs")
        logs.mkdir(exist_ok=True)
        name = time.strftime("%Y%m%d-%H%M%S") + f"-{os.getpid()}"
        directory = logs / name
        directory.mkdir()
        link = logs / ".current.new"
        link.unlink(missing_ok=True)
        link.symlink_to(name)
        link.replace(logs / "current")
        kept = sorted(each for each in logs.iterdir() if each.is_dir() and not each.is_symlink())
        for old in kept[:-KEPT_LOGS]:
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        return directory


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
