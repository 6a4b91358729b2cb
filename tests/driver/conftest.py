"""A build of the driver for these tests alone: a copy of the sources, so that no other build is disturbed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "driver"
BUILD_DEADLINE = 300.0


def copy_sources(target: Path, *, built: bool = False) -> Path:
    """Copy driver/, with what was built there or without; gives the copy."""
    left_out = ["__pycache__"] if built else ["__pycache__", "build"]
    shutil.copytree(SOURCES, target, ignore=shutil.ignore_patterns(*left_out))
    return target


def make(directory: Path, *arguments: str) -> str:
    """Run make there and give what it printed; the test fails with that text if make fails."""
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}  # Those of an outer make.
    done = subprocess.run(
        ["make", "-C", str(directory), "-j2", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def source_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of driver/ in which everything has been built; what has been built there already is not built again."""
    tree = copy_sources(tmp_path_factory.mktemp("driver") / "driver", built=True)
    make(tree)
    return tree


@pytest.fixture(scope="session")
def build(source_tree: Path) -> Path:
    """Where `make` has put images, PDBs and programs."""
    return source_tree / "build"
