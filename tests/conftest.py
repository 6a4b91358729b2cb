"""The lab that tests with the mark `vm` share."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import bringup
from lab.config import Config, find_config, load_config
from lab.progress import Silent
from lab.running import RunningLab


@pytest.fixture(scope="session")
def project() -> Config:
    """This repository's own lab.yaml."""
    return load_config(find_config(Path(__file__).parent))


@pytest.fixture(scope="session")
def lab(project: Config) -> RunningLab:
    """The project's lab, up. It stays up: it may have been up before."""
    return bringup.up(project, Silent())
