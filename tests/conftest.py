"""What tests of all kinds share: the lab of those with the mark `vm`, the compiled stub."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from compiled_stub import build_library, build_program, built_once

from lab import bringup
from lab.config import Config, find_config, load_config
from lab.progress import Silent
from lab.running import RunningLab


def pytest_configure() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would the programs that tests interrupt."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def project() -> Config:
    """This repository's own lab.yaml."""
    return load_config(find_config(Path(__file__).parent))


@pytest.fixture(scope="session")
def lab(project: Config) -> RunningLab:
    """The project's lab, up. It stays up: it may have been up before."""
    return bringup.up(project, Silent())


@pytest.fixture(scope="session")
def kdstub_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_once(tmp_path_factory, build_program)


@pytest.fixture(scope="session")
def stub_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_once(tmp_path_factory, build_library)
