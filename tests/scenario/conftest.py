from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.config import Config, load_config
from lab.document import FileError
from lab.scenario.load import load_scenarios, parse_scenarios
from lab.scenario.model import Scenario

from .recorded_lab import RECORDINGS

CONFIG = r"""
lab: 1
device: '\\.\Example'
drivers:
  example-direct: {file: build/example-direct.sys, service: Example}
  example-buffered: {file: build/example-buffered.sys, service: Example}
  example-fault: {file: build/example-fault.sys, service: Example}
default_driver: example-buffered
programs: [build/usedriver2.exe]
ioctls:
  get-size: {code: 0x222000, output: [size u32]}
  set-size: {code: 0x22A004, input: [size u32, flags i8]}
  fault: {code: 0x22A3C0, input: [kind u32]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A lab of three drivers, one program and three IOCTLs; no file of them exists."""
    path = tmp_path / "lab.yaml"
    path.write_text(CONFIG)
    return load_config(path)


@pytest.fixture
def parse(config: Config) -> Callable[[str], list[Scenario]]:
    """Checks a scenario given as text."""
    return lambda text: parse_scenarios(text, "case.yaml", config)


@pytest.fixture
def problems(config: Config) -> Callable[[str], list[str]]:
    """The lines that a wrong scenario gives; empty for a right one."""

    def of(text: str) -> list[str]:
        try:
            parse_scenarios(text, "case.yaml", config)
        except FileError as error:
            return str(error).split("\n")
        return []

    return of


@pytest.fixture
def recorded(config: Config) -> Callable[[str], Scenario]:
    """The (first) scenario of which there is a recording."""
    return lambda name: load_scenarios(RECORDINGS / f"{name}.scenario", config)[0]
