"""Directories by content: a list of names and digests, itself a file in the store, whose digest stands for it."""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lab.errors import InfrastructureError
from lab.farm.store import Shelf, Store, checked_name


def put_tree(store: Store, files: Mapping[str, Path]) -> str:
    """Keep files under their names in the tree; returns its digest. Raises InfrastructureError."""
    digests = {name: store.put(file) for name, file in sorted(files.items())}
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "tree.json"
        listing.write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")
        return store.put(listing)


def files_of(directory: Path) -> dict[str, Path]:
    """All files of a directory by their names in it."""
    return {str(each.relative_to(directory)): each for each in sorted(directory.rglob("*")) if each.is_file()}


def lay_tree(shelf: Shelf, store: Store, digest: str, to: Path) -> Path:
    """Lay a tree out as the directory `to`, once; it appears when it is whole. Raises InfrastructureError."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with to.with_name(f".{to.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not to.is_dir():
            partial = to.with_name(f".{to.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            _lay(shelf, store, _listing(shelf, store, digest), partial)
            partial.rename(to)
    return to


def _lay(shelf: Shelf, store: Store, digests: Mapping[str, str], to: Path) -> None:
    for name, digest in digests.items():
        target = to / checked_name(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(shelf.file(store, digest), target)
        target.chmod(0o600)


def bring_files(store: Store, digests: Mapping[str, str], to: Path) -> None:
    """The files of a manifest below `to`, each held against its digest. Raises InfrastructureError."""
    for name, digest in digests.items():
        target = to / checked_name(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        store.fetch(digest, target)


def _listing(shelf: Shelf, store: Store, digest: str) -> dict[str, str]:
    data = json.loads(shelf.file(store, digest).read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise InfrastructureError(f"{digest} is no tree")
    return {checked_name(name): str(each) for name, each in data.items()}
