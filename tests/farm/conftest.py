"""One farm of three workers on two hosts for all tests that only give it jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.cheap import Cheap
from farm.running import running_farm
from lab.farm.certificates import make_certificates
from lab.farm.farm import Farm, connect


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("farm") / "certificates"
    make_certificates(directory)
    return directory


@pytest.fixture(scope="session")
def address(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_farm(certificates, tmp_path_factory.mktemp("hosts"), 2, 1) as address:
        yield address


@pytest.fixture
def farm(address: str, certificates: Path) -> Iterator[Farm]:
    with connect(address, certificates) as farm:
        yield farm
        farm.forgive()


@pytest.fixture
def cheap(tmp_path: Path) -> Cheap:
    (tmp_path / "diary").touch()
    return Cheap(tmp_path / "diary")
