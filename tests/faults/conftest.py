"""The stub as a library whose time is a number."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

STUB = Path(__file__).parents[2] / "vm_images" / "wine" / "kdstub"
SHIM = Path(__file__).parents[1] / "kdstub" / "shim.c"
WITH_A_WORLD = ("kdstub.c", "serial.c")
"""Sources that deal with clocks and devices."""


def build_stub(directory: Path) -> Path:
    library = directory / "shim.so"
    sources = [each for each in sorted(STUB.glob("*.c")) if each.name not in WITH_A_WORLD]
    flags = ["-std=c11", "-O1", "-g", "-shared", "-fPIC", f"-I{STUB}"]
    subprocess.run(["cc", *flags, "-o", library, SHIM, *sources], check=True)
    return library


@pytest.fixture(scope="session")
def stub_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("cc"):
        pytest.skip("no C compiler to build the stub with")
    return build_stub(tmp_path_factory.mktemp("stub"))
