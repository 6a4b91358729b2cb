"""A running guest as scenarios see it: commands, files, services."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from lab.errors import InfrastructureError
from lab.guest.remote import Remote
from lab.guest.services import Services
from lab.guest.ssh import Sftp
from lab.guest.winrm import CommandResult, OnLine, WinRm
from lab.guest.winrm_files import WinRmFiles

PUSHED = r"C:\lab\run\pushed.json"
"""Kept in the guest, so that it goes back in time with a snapshot like the files that it lists."""


class Guest:
    """One guest. Connections are made when needed, and made again after the guest was put back to a snapshot."""

    def __init__(self, remote: Remote) -> None:
        self._winrm = WinRm(remote)
        self._files: Sftp | WinRmFiles = Sftp(remote) if remote.credentials.ssh_host_key else WinRmFiles(self._winrm)
        self.services = Services(self._winrm)
        self._pushed: dict[str, str] | None = None

    def run(self, argv: list[str], timeout: float = 30.0) -> CommandResult:
        """Run a command to its end; see `WinRm.run`."""
        return self._winrm.run(argv, timeout)

    def stream(self, argv: list[str], on_line: OnLine, timeout: float) -> int:
        """Run a command, handing on each output line as it comes; see `WinRm.stream`."""
        return self._winrm.stream(argv, on_line, timeout)

    def put(self, data: bytes | Path, remote: str) -> None:
        """Write a file into the guest; see `Sftp.put`."""
        self._files.put(data, remote)

    def get(self, remote: str) -> bytes:
        """Read a file of the guest; see `Sftp.get`."""
        return self._files.get(remote)

    def modified(self, remote: str) -> float | None:
        """When a file of the guest was last written; see `Sftp.modified`."""
        return self._files.modified(remote)

    def fetch(self, remote: str, to: Path, within: float) -> None:
        """Bring a large file of the guest, compressed; see `Sftp.fetch`."""
        self._files.fetch(remote, to, within)

    def push(self, file: Path, remote: str) -> bool:
        """Put a host file into the guest unless this very content is there already; return whether it was sent.

        Raises InfrastructureError when the file does not exist on the host.
        """
        try:
            content = file.read_bytes()
        except OSError as error:
            raise InfrastructureError(f"cannot read {file}: {error.strerror}", "build it: make driver") from None
        digest = hashlib.sha256(content).hexdigest()
        known = self._known()
        if known.get(remote) == digest:
            return False
        self._files.put(content, remote)
        known[remote] = digest
        self._files.put(json.dumps(known).encode(), PUSHED)
        return True

    def pushed(self) -> dict[str, str]:
        """SHA-256 of each file that was pushed, by its path in the guest."""
        return dict(self._known())

    def wait_ready(self, deadline: float) -> None:
        """Return when the guest answers over SSH and WinRM; GuestLostError after `deadline` seconds for either."""
        self._winrm.wait_ready(deadline)
        self._files.wait_ready(deadline)

    def forget(self) -> None:
        """Drop all connections and knowledge: the guest went back in time, or away."""
        self._winrm.close()
        self._files.close()
        self._pushed = None

    def _known(self) -> dict[str, str]:
        if self._pushed is None:
            try:
                self._pushed = json.loads(self._files.get(PUSHED))
            except (FileNotFoundError, ValueError):
                self._pushed = {}
        return self._pushed
