"""The last part of a build: the guest is used as the lab will use it, and made to crash once, before it is kept."""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any

from lab.errors import GuestLostError, InfrastructureError, LabError
from lab.guest.remote import Remote
from lab.guest.winrm import WinRm
from lab.guest.winrm_files import WinRmFiles

COMMAND_DEADLINE = 120.0
RETRY = 0.5
REFUSED = 577
"""ERROR_INVALID_IMAGE_HASH: what Windows answers for a driver that is not signed as it demands."""
CLOCK_SECONDS = 60.0
PROBE = "lab-unsigned"
PROBE_FILE = r"C:\lab\unsigned.sys"
DUMP = r"C:\Windows\MEMORY.DMP"
LOOK = r"C:\lab\look.ps1"
DUMP_MAGIC = "PAGEDU64"
"""Signature of a 64-bit dump: 'PAGE' 'DU64' of DUMP_HEADER64."""


class Admission:
    """Talks to the new guest over WinRM; nothing here is retried after it was answered."""

    def __init__(self, remote: Remote, alive: Callable[[], None]) -> None:
        """`alive` raises when the machine has gone: then nothing is waited for any more."""
        self._remote = remote
        self._alive = alive
        self._winrm = WinRm(remote)
        self._files = WinRmFiles(self._winrm)

    def wait_reachable(self, deadline: float) -> None:
        """Return when a command was run and gave back what it was given.

        Raises GuestLostError or InfrastructureError that says which step on the way there failed, or what `alive` does.
        """
        end = time.monotonic() + deadline
        while True:
            self._alive()
            try:
                self._echo()
            except LabError as error:
                if "refused the image's WinRM password" in str(error):
                    raise InfrastructureError("WinRM's port is open, but the log-on was refused") from None
                if time.monotonic() > end:
                    raise self._unreachable(error, deadline) from None
                time.sleep(RETRY)
            else:
                return

    def unsigned_driver_is_refused(self, driver: bytes) -> str:
        """A warning if Windows loads a driver that nobody signed; empty when it refuses it, as it should."""
        self._files.put(driver, PROBE_FILE)
        self._run(["sc.exe", "create", PROBE, "type=", "kernel", "start=", "demand", "binPath=", PROBE_FILE])
        code = self._winrm.run(["sc.exe", "start", PROBE], COMMAND_DEADLINE).code
        if code == 0:
            self._winrm.run(["sc.exe", "stop", PROBE], COMMAND_DEADLINE)
        self._run(["sc.exe", "delete", PROBE])
        self._run(["cmd.exe", "/c", "del", PROBE_FILE])
        if code == 0:
            return "an unsigned driver was loaded: signatures are not enforced (debugger attached?)"
        return "" if code == REFUSED else f"an unsigned driver was refused with {code}, not with {REFUSED}"

    def look(self) -> dict[str, Any]:
        """The crash dump's size and first bytes, how many crashes the event log has, and the guest's UTC time."""
        options = ["-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass"]
        result = self._winrm.run(["powershell.exe", *options, "-File", LOOK], COMMAND_DEADLINE)
        for line in result.stdout.splitlines():
            if line.startswith("LAB "):
                answer: dict[str, Any] = json.loads(line[4:])
                return answer
        raise InfrastructureError(f"the guest did not say what it has: {(result.stderr or result.stdout)[:300]}")

    def wait_for_dump(self, deadline: float, wait: Callable[[float], None] = time.sleep) -> int:
        """Return the size of the dump that the crash left. Raises InfrastructureError when there is none in time.

        Windows writes it only at the start after the crash: it is whole when its size stays.
        """
        end = time.monotonic() + deadline
        last = -1
        while True:
            self._alive()
            found = self.look()
            if found["head"] == DUMP_MAGIC and found["size"] == last and found["crashes"]:
                return int(found["size"])
            last = found["size"]
            if time.monotonic() > end:
                raise InfrastructureError(_no_dump(found), "see the guest's System event log: volmgr 46, 49, 161")
            wait(RETRY)

    def remove_dump(self) -> None:
        """The next dump is then the next crash's."""
        self._run(["cmd.exe", "/c", "del", DUMP])

    def shut_down(self) -> None:
        """Ask for it; the connection may not survive the answer."""
        try:
            self._winrm.run(["shutdown.exe", "/s", "/t", "0", "/f"], COMMAND_DEADLINE)
        except GuestLostError:
            self._winrm.close()

    def forget(self) -> None:
        """The guest was restarted."""
        self._winrm.close()

    def _echo(self) -> None:
        for _ in range(2):  # While the service starts, one answer does not mean that there is another.
            token = secrets.token_hex(8)
            if self._winrm.run(["cmd.exe", "/c", "echo", token], COMMAND_DEADLINE).stdout.strip() != token:
                raise InfrastructureError("a command over WinRM did not give back what it was given")

    def _run(self, command: list[str]) -> None:
        result = self._winrm.run(command, COMMAND_DEADLINE)
        if result.code != 0:
            said = (result.stdout + result.stderr).strip()[:200]
            raise InfrastructureError(f"{' '.join(command[:3])} in the guest: exit code {result.code}: {said}")

    def _unreachable(self, error: LabError, deadline: float) -> GuestLostError:
        ssh = "answers" if answers_ssh(self._remote) else "does not answer either"
        what = f"the installed guest cannot be reached over WinRM within {deadline:.0f} s ({error}); its SSH port {ssh}"
        return GuestLostError(what, "service not started, or filtered by the firewall (profile Public?)")


def answers_ssh(remote: Remote) -> bool:
    """Whether an SSH server says who it is: another way to the guest, so it is not the network."""
    try:
        with socket.create_connection((remote.host, remote.ssh_port), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _no_dump(found: dict[str, Any]) -> str:
    if not found["size"]:
        return f"the guest crashed on purpose and left no {DUMP}"
    if found["head"] != DUMP_MAGIC:
        return f"{DUMP} begins with {found['head'][:8]!r}, not with {DUMP_MAGIC!r}"
    return f"{DUMP} is there, but the event log knows of no crash (1001)"
