from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .crashed_machine import CrashedMachine
from .writers import ALL_DUMPS


@pytest.fixture(scope="session")
def machine() -> CrashedMachine:
    """A machine that died in the real driver. Tests do not change it."""
    machine = CrashedMachine()
    assert machine.driver.is_file(), "build it: make driver"
    return machine


@pytest.fixture
def dump_of(machine: CrashedMachine, tmp_path: Path) -> Callable[[str], Path]:
    """Writes it as a dump of a kind."""

    def write(kind: str) -> Path:
        path = tmp_path / f"{kind}.dmp"
        ALL_DUMPS[kind](machine, path)
        return path

    return write
