"""What an image is made from: the files of the recipe, and their digest."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

RECIPE = Path(__file__).resolve().parent
ARCHITECTURE = "amd64"

FOLDERS = ("guest", "initramfs", "kdstub", "patches", "prefix", "stages", "starter", "wsman")
FILES = ("machine.json", "initramfs.py")
"""What goes into an image, or decides how; the rest only drives the build."""

_PRODUCTS = {".o", ".obj", ".exe", ".pdb", ".pyc"}


def recipe_digest(recipe: Path = RECIPE) -> str:
    """SHA-256 over path, executable bit and content of every file of the recipe, and the architecture."""
    digest = hashlib.sha256(ARCHITECTURE.encode())
    for path in recipe_files(recipe):
        content = path.read_bytes()
        executable = bool(path.stat().st_mode & 0o100)
        digest.update(f"\0{path.relative_to(recipe).as_posix()}\0{executable:d}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def recipe_files(recipe: Path = RECIPE) -> list[Path]:
    """The recipe's files in a fixed order; build products and editors' leftovers do not count."""
    return sorted(path for path in _candidates(recipe) if path.is_file() and _counts(path))


def copy_recipe(target: Path, recipe: Path = RECIPE) -> None:
    """Copy the recipe's files, so that what is built is what was digested, whatever is edited meanwhile."""
    for path in recipe_files(recipe):
        copy = target / path.relative_to(recipe)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        copy.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _candidates(recipe: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (recipe / folder).rglob("*")
    for name in FILES:
        yield recipe / name


def _counts(path: Path) -> bool:
    hidden = path.name.startswith(".") or path.name.endswith(("~", ".orig", ".rej"))
    product = path.suffix in _PRODUCTS or "__pycache__" in path.parts or (path.parent.name, path.name) == _KDSTUB
    return not hidden and not product


_KDSTUB = ("kdstub", "kdstub")
