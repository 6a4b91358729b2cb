"""Where a guest's sockets are on the host, and how to log on."""

from __future__ import annotations

from dataclasses import dataclass

from lab.machine.image import Credentials


@dataclass(frozen=True)
class Remote:
    """Loopback ports that QEMU forwards into the guest."""

    ssh_port: int
    winrm_port: int
    credentials: Credentials
    host: str = "127.0.0.1"
