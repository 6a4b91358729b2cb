"""A running service whose commands are Unix commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import winrm

SOURCE = Path(__file__).parents[2] / "vm_images" / "wine"
USER, PASSWORD = "lab", "pass word 1"
DOMAINS = ("", "lab-wine", ".")


class Service:
    kill_wine: Callable[[], object]

    def __init__(
        self, directory: Path, *options: str, environment: Mapping[str, str] = os.environ, password: str = PASSWORD
    ) -> None:
        credentials = directory / "credentials"
        users = "".join(f"{domain}:{USER}:{password}\n" for domain in DOMAINS)
        credentials.write_text(users, encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wsman", "--credentials", credentials, "--listen", "127.0.0.1:0", *options],
            env={**environment, "PYTHONPATH": str(SOURCE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("wsman: listening on 127.0.0.1:"), line
        self.port = int(line.split(":")[2].split(",")[0])
        self.url = f"http://127.0.0.1:{self.port}/wsman"

    def session(self, transport: str = "ntlm", user: str = USER, password: str = PASSWORD, **options: Any) -> Any:
        return winrm.Session(self.url, (user, password), transport=transport, proxy=None, **options)

    def stop(self) -> tuple[int, str]:
        """Exit status and what it wrote to stderr."""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for all tests of a module; no test may make it write an error."""
    service = Service(tmp_path_factory.mktemp("wsman"), "--runner", "direct")
    yield service
    status, errors = service.stop()
    assert (status, errors) == (0, "")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts services with options of the test's own."""
    services: list[Service] = []

    def start(*options: str) -> Service:
        services.append(Service(tmp_path, *options))
        return services[-1]

    yield start
    for service in services:
        service.stop()
