"""Finds the image file and the PDB that belong to a module of the target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from lab.symbols.errors import BadImageError
from lab.symbols.image import Image, PdbIdentity
from lab.symbols.pdb import Pdb

MAX_NAME = 255


class Finder:
    """Looks into directories, in their order. A symbol store's layout (NAME/KEY/NAME) is understood too."""

    def __init__(self, directories: Iterable[Path]) -> None:
        self.directories = [*dict.fromkeys(directories)]
        self._listings: dict[Path, dict[str, Path]] = {}

    def knows(self, name: str) -> bool:
        """Whether there is a file, or a folder of a symbol store, of that name, in any case."""
        return name.lower() in self._names

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(each.name.lower() for path in self.directories if path.is_dir() for each in path.iterdir())

    def pdb(self, identity: PdbIdentity) -> tuple[Pdb | None, list[str]]:
        """The PDB of an image of this identity, and what was found instead, in words."""
        refused = []
        key = f"{identity.guid.hex.upper()}{identity.age:X}"
        for path in self._candidates(identity.name, key):
            try:
                pdb = Pdb(path)
            except BadImageError as error:
                refused.append(str(error))
                continue
            if pdb.belongs_to(identity):
                return pdb, []
            refused.append(f"{path} belongs to another build of the driver")
        return None, refused

    def image(self, name: str, size: int, timestamp: int | None = None) -> tuple[Image | None, list[str]]:
        """The file of a module of that name, size and time stamp, and what was found instead, in words."""
        refused = []
        for path in self._candidates(name, f"{timestamp:08X}{size:x}" if timestamp else ""):
            try:
                image = Image.from_file(path)
            except BadImageError as error:
                refused.append(str(error))
                continue
            if image.size == size and timestamp in (None, image.timestamp):
                return image, []
            stamps = "" if timestamp is None else f", time stamp {image.timestamp:#x} instead of {timestamp:#x}"
            refused.append(f"{path} is another build: size {image.size:#x} instead of {size:#x}{stamps}")
        return None, refused

    def _candidates(self, name: str, key: str) -> Iterator[Path]:
        # The name comes from the target: it must not lead out of the directories.
        if not name or len(name) > MAX_NAME or name in (".", "..") or any(each in name for each in "/\\\0"):
            return
        for directory in self.directories:
            found = self._entry(directory, name)
            if found is None:
                continue
            if found.is_file():
                yield found
            for inside in (found / key, found / key.upper(), found / key.lower()) if key else ():
                kept = self._entry(inside, name)
                if kept is not None and kept.is_file():
                    yield kept
                    break

    def _entry(self, directory: Path, name: str) -> Path | None:
        """What is called so there, in any case: Windows tells names in any spelling."""
        if (directory / name).exists():
            return directory / name
        listing = self._listings.get(directory)
        if listing is None:
            try:
                listing = {each.name.lower(): each for each in directory.iterdir()}
            except OSError:
                listing = {}
            self._listings[directory] = listing
        return listing.get(name.lower())
