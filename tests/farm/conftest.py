"""One farm of three workers on two hosts for all tests that only give it jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.cheap import Cheap
from farm.running import READY_WITHIN, running_farm
from lab.farm.certificates import make_certificates

if TYPE_CHECKING:
    from lab.farm.farm import Farm


SLOTS = (2, 1)
WORKERS = sum(SLOTS)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("farm") / "certificates"
    make_certificates(directory)
    return directory


@pytest.fixture(scope="session")
def address(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_farm(certificates, tmp_path_factory.mktemp("hosts"), *SLOTS) as address:
        yield address


@pytest.fixture
def farm(address: str, certificates: Path) -> Iterator[Farm]:
    from lab.farm.farm import connect  # Not before it is needed: it takes a second.

    with connect(address, certificates) as farm:
        end = time.monotonic() + READY_WITHIN
        while len(farm.workers()) < WORKERS:  # One that died is started again.
            assert time.monotonic() < end, "a worker is missing"
            time.sleep(0.1)
        yield farm
        farm.forgive()


@pytest.fixture
def cheap(tmp_path: Path) -> Cheap:
    (tmp_path / "diary").touch()
    return Cheap(tmp_path / "diary")
