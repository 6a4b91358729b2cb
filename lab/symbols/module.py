"""A module of the target: where it lies, its image, its PDB, its names."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from lab.symbols.errors import BadImageError, UnreadableError
from lab.symbols.finder import Finder
from lab.symbols.image import Image, PdbIdentity
from lab.symbols.memory import ReadMemory
from lab.symbols.pdb import Function, Pdb, SourceLine
from lab.symbols.source_lines import SourceLines

MAX_SIZE = 1 << 30
_SUFFIXES = (".sys", ".exe", ".dll", ".drv")


class Module:
    """One loaded image. Nothing is read before it is asked for."""

    def __init__(
        self,
        path: str,
        base: int,
        size: int,
        read: ReadMemory,
        finder: Finder,
        timestamp: int | None = None,
        pdb: PdbIdentity | None = None,
    ) -> None:
        """`path` as the target names it; `read` reads the target's memory. `pdb` is what the target says of the PDB
        without its image."""
        self.path = path
        self.file_name = path.replace("/", "\\").rsplit("\\", 1)[-1]
        lower = self.file_name.lower()
        suffix = next((each for each in _SUFFIXES if lower.endswith(each)), "")
        self.name = self.file_name[: len(self.file_name) - len(suffix)]
        self.base = base
        self.size = min(size, MAX_SIZE)
        self._read = read
        self._finder = finder
        self._timestamp = timestamp
        self._identity = pdb
        self.complaints: list[str] = []
        """Why there are no symbols, in words."""
        self.refused: list[str] = []
        """Files that are at hand, but belong to another build."""

    def __contains__(self, address: int) -> bool:
        return self.base <= address < self.base + self.size

    @cached_property
    def may_have_pdb(self) -> bool:
        """Told from names alone, without reading the target's memory."""
        return self._finder.knows(f"{self.name}.pdb") or (
            self.name == "ntoskrnl" and self._finder.knows("ntkrnlmp.pdb")
        )

    @cached_property
    def image(self) -> Image | None:
        """What the target has loaded. Where its file is at hand only the rest is read from the target's memory: what
        is looked at here is the same in both, and memory is dear."""
        try:
            here = Image(lambda rva, count: self._read(self.base + rva, count))
        except (BadImageError, UnreadableError):
            return self._file(self.size, self._timestamp)
        file = self._file(here.size, here.timestamp)
        if file is None:
            return here

        def read(rva: int, count: int) -> bytes:
            data = file.read(rva, count)
            return data if len(data) == count else self._read(self.base + rva, count)

        return Image(read, file.path)

    def _file(self, size: int, timestamp: int | None) -> Image | None:
        found, refused = self._finder.image(self.file_name, size, timestamp)
        self._refuse(refused)
        return found

    def _refuse(self, files: list[str]) -> None:
        self.refused += files
        self.complaints += files

    @cached_property
    def pdb(self) -> Pdb | None:
        """Only one whose identity is the image's."""
        identity = (self.image.pdb if self.image else None) or self._identity
        if identity is None:
            self.complaints.append("its image names no PDB" if self.image else "its image cannot be read")
            return None
        pdb, refused = self._finder.pdb(identity)
        if pdb is None:
            self._refuse(refused)
            self.complaints += [] if refused else [f"{identity.name} was not found"]
        return pdb

    @cached_property
    def dwarf(self) -> SourceLines | None:
        """The debug information that MinGW puts into the image itself."""
        path = self.image.path if self.image else None
        lines = SourceLines(path) if path is not None and self.pdb is None else None
        return lines if lines is not None and lines.has_dwarf else None

    @cached_property
    def exports(self) -> list[Function]:
        """What the image exports: the names of last resort."""
        try:
            return [Function(each.name, each.rva, 0) for each in self.image.exports] if self.image else []
        except (BadImageError, UnreadableError):
            return []

    def find(self, name: str) -> Function | None:
        """A function or global data by its name; in any case if none has it exactly."""
        known = self.pdb.by_name if self.pdb else {each.name: each for each in self.exports}
        if name in known:
            return known[name]
        return next((each for each in known.values() if each.name.lower() == name.lower()), None)

    def names(self) -> list[Function]:
        """Everything that has a name."""
        return list(self.pdb.by_name.values()) if self.pdb else self.exports

    def function_at(self, address: int) -> Function | None:
        """The function that contains the address; by the exports alone, the one before it."""
        rva = address - self.base
        if self.pdb:
            return self.pdb.function_at(rva)
        found = self.dwarf.function_at(rva) if self.dwarf else None
        if found is not None:
            return found
        index = bisect_right(self.exports, rva, key=lambda each: each.rva) - 1
        if index < 0 or self.image is None or not self.image.is_code(rva):
            return None
        found = self.exports[index]
        entry = self._entry_at(rva)
        # An export before this function's own beginning is some other function's name.
        return found if entry is None or found.rva >= entry else Function("", entry, 0)

    def lines(self, address: int) -> list[SourceLine]:
        """Source places of the code there, innermost first."""
        known = self.pdb or self.dwarf
        return known.lines(address - self.base) if known else []

    def _entry_at(self, rva: int) -> int | None:
        try:
            entry = self.image.function_at(rva) if self.image else None
        except (BadImageError, UnreadableError):
            return None
        return entry.begin if entry else None
