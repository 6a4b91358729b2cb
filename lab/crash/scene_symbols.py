"""Names and source lines for a scene, from the images and PDBs that are at hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lab.crash.scene import Scene
from lab.symbols.finder import Finder
from lab.symbols.module import Module
from lab.symbols.symbols import Symbols


def scene_symbols(scene: Scene, directories: Iterable[Path]) -> Symbols:
    """What the scene's loaded modules are called inside. `directories` are searched in their order, for images and
    PDBs by name; only those that belong to the modules are used."""
    finder = Finder(directories)
    return Symbols(
        Module(each.path or each.name, each.base, each.size, scene.memory.read, finder, each.timestamp, each.pdb)
        for each in scene.modules
        if not each.unloaded
    )
