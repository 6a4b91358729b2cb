"""Kernel services of the guest through its service control manager, with true Win32 error codes."""

from __future__ import annotations

import json
from dataclasses import dataclass

from lab.errors import InfrastructureError
from lab.guest.winrm import WinRm

TRAFFIC = r"C:\lab\bin\traffic.exe"
SERVICE_DEADLINE = 60.0

ERROR_SERVICE_ALREADY_RUNNING = 1056
ERROR_SERVICE_DOES_NOT_EXIST = 1060
ERROR_SERVICE_NOT_ACTIVE = 1062
ERROR_SERVICE_EXISTS = 1073


@dataclass(frozen=True)
class ServiceResult:
    """Outcome of one service operation: `error` is the Win32 error (0: done), `state` what the service is in now."""

    action: str
    name: str
    error: int
    state: str

    @property
    def ok(self) -> bool:
        return self.error == 0


class Services:
    """Create, start, stop, query and delete kernel-driver services. Each call is one command in the guest."""

    def __init__(self, winrm: WinRm) -> None:
        self._winrm = winrm

    def create(self, name: str, image: str) -> ServiceResult:
        """Register the driver image (a guest path) as a demand-start kernel driver."""
        return self._do("create", name, image)

    def start(self, name: str) -> ServiceResult:
        return self._do("start", name)

    def stop(self, name: str) -> ServiceResult:
        """Stop the driver and wait until it has unloaded."""
        return self._do("stop", name)

    def delete(self, name: str) -> ServiceResult:
        return self._do("delete", name)

    def query(self, name: str) -> ServiceResult:
        return self._do("query", name)

    def reload(self, name: str, image: str) -> ServiceResult:
        """Stop the driver if it runs, point the service at `image` (or create it), start it."""
        return self._do("reload", name, image)

    def _do(self, action: str, name: str, *arguments: str) -> ServiceResult:
        command = [TRAFFIC, "service", action, name, *arguments]
        result = self._winrm.run(command, SERVICE_DEADLINE)
        for line in result.stdout.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and event.get("e") == "op":
                return ServiceResult(action, name, int(event["err"]), str(event.get("state", "")))
        said = (result.stdout + result.stderr).strip()[:300]
        raise InfrastructureError(f"service {action} {name}: no answer from {TRAFFIC}, it said {said!r}")
