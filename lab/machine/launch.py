"""Starting and stopping a VM's supervisor from a command."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from lab.errors import GuestLostError, HungError, InfrastructureError
from lab.machine.control import call, decode_error
from lab.machine.instance import SPEC, STATE, SUPERVISOR_LOG, Instance
from lab.machine.qemu import VmSpec

START_DEADLINE = 40.0
STOP_DEADLINE = START_DEADLINE + 20.0
"""A supervisor that is only starting hears of its end when its start is over."""


class Lease:
    """Keeps a starting VM alive. When the process that holds it dies before the lab is ready, the VM ends."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    @property
    def fd(self) -> int:
        """For the supervisor."""
        return self._read

    def close(self) -> None:
        for fd in (self._read, self._write):
            os.close(fd)


def start_supervisor(instance: Instance, spec: VmSpec, lease: Lease) -> None:
    """Start the supervisor and return when its VM is there, paused, with the debugger attached.

    Raises what the supervisor failed with; HungError when it does not get that far in time.
    """
    spec.save(instance.path(SPEC))
    instance.path(STATE).unlink(missing_ok=True)
    log_path = Path(spec.log_directory) / SUPERVISOR_LOG
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.machine.supervisor", str(instance.directory), str(lease.fd)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[lease.fd],
            start_new_session=True,
        )
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        phase = instance.read(STATE).get("phase")
        if phase == "running":
            return
        if process.poll() is not None:
            raise _failure(instance, log_path)
        time.sleep(0.02)
    process.terminate()
    raise HungError(f"the VM's supervisor did not start within {START_DEADLINE:.0f} s", f"see {log_path}")


def stop_supervisor(instance: Instance) -> bool:
    """End the VM in order; return whether there was one. Raises HungError when it does not end."""
    if not instance.is_supervised():
        return False
    deadline = time.monotonic() + STOP_DEADLINE
    while instance.is_supervised():
        # Lost means: on its way out, or not listening yet.
        with contextlib.suppress(GuestLostError):
            call(instance, "stop", timeout=STOP_DEADLINE)
        if time.monotonic() > deadline:
            pid = instance.read(STATE).get("pid", "?")
            raise HungError(f"the VM's supervisor (process {pid}) does not end", f"end it: kill -9 {pid}")
        time.sleep(0.05)
    return True


def _failure(instance: Instance, log_path: Path) -> Exception:
    state = instance.read(STATE)
    if "error" in state:
        return decode_error(state["error"])
    lines = log_path.read_text(errors="replace").strip().splitlines()
    return InfrastructureError(
        f"the VM's supervisor ended at once: {lines[-1] if lines else 'it said nothing'}", f"see {log_path}"
    )
