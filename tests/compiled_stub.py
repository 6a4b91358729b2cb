"""The guest's KD stub, compiled for the host: as the program that it is, and as a library whose time is a number."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "vm_images" / "wine" / "kdstub"
SHIM = Path(__file__).parent / "kdstub" / "shim.c"
WITH_A_WORLD = ("kdstub.c", "serial.c")
"""Sources that deal with clocks and devices."""


def build_program(directory: Path) -> Path:
    subprocess.run(["make", "-s", "-C", SOURCE, f"OUT={directory}", "CC=cc"], check=True)
    return directory / "kdstub"


def build_library(directory: Path) -> Path:
    library = directory / "shim.so"
    sources = [each for each in sorted(SOURCE.glob("*.c")) if each.name not in WITH_A_WORLD]
    flags = ["-std=c11", "-O1", "-g", "-shared", "-fPIC", f"-I{SOURCE}"]
    subprocess.run(["cc", *flags, "-o", library, SHIM, *sources], check=True)
    return library


def built_once(factory: pytest.TempPathFactory, build: Callable[[Path], Path]) -> Path:
    """What `build` makes, made by one worker of a run and used by all. Skips the test without a C compiler."""
    if not shutil.which("cc"):
        pytest.skip("no C compiler to build the stub with")
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    base = factory.getbasetemp().parent if is_worker else factory.getbasetemp()
    directory, made = base / build.__name__, base / f"{build.__name__}.made"
    with base.joinpath(f"{build.__name__}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            directory.mkdir(exist_ok=True)
            made.write_text(str(build(directory)))
        return Path(made.read_text())
