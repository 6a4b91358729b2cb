from __future__ import annotations

from pathlib import Path

import pytest

from lab.symbols.finder import Finder
from lab.symbols.module import Module
from lab.symbols.pdb import Pdb
from lab.symbols.symbols import Symbols

from .memory import BASE, BUILD, Memory


@pytest.fixture(scope="session")
def driver_file() -> Path:
    """The driver as `make driver` builds it."""
    path = BUILD / "example-buffered.sys"
    assert path.is_file(), "build it: make driver"
    return path


@pytest.fixture(scope="session")
def pdb(driver_file: Path) -> Pdb:
    return Pdb(driver_file.with_suffix(".pdb"))


@pytest.fixture
def memory(driver_file: Path) -> Memory:
    """The driver's image at BASE."""
    memory = Memory()
    memory.map_image(driver_file, BASE)
    return memory


@pytest.fixture
def module(memory: Memory) -> Module:
    size = len(memory.pieces[BASE])
    return Module(r"\??\C:\lab\drivers\example-buffered.sys", BASE, size, memory.read, Finder([BUILD]))


@pytest.fixture
def symbols(module: Module) -> Symbols:
    return Symbols([module])
