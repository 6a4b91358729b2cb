"""A PE image as it lies in memory: sections, unwind table, exports, and the identity of its PDB."""

from __future__ import annotations

import struct
import uuid
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lab.symbols.errors import BadImageError, UnreadableError
from lab.symbols.memory import ReadMemory, read_exactly

AMD64 = 0x8664
I386 = 0x14C
MAX_SECTIONS = 96
MAX_DIRECTORY = 16 << 20
"""Bytes of one table of an image that are read at most."""
MAX_DEBUG = 64 * 28
"""Bytes of the debug directory: more than any linker writes."""
MAX_NAME = 512
_EXPORT, _EXCEPTION, _DEBUG = 0, 3, 6
_CODEVIEW = 2
_EXECUTABLE = 0x20000000
_RUNTIME_FUNCTION = struct.Struct("<III")


@dataclass(frozen=True)
class PdbIdentity:
    """What an image says of its PDB (its RSDS record)."""

    guid: uuid.UUID
    age: int
    name: str
    """File name, without the directories of the machine that linked it."""


@dataclass(frozen=True)
class Section:
    """A section; `rva` counts from the image's base."""

    name: str
    rva: int
    size: int
    is_code: bool


@dataclass(frozen=True)
class RuntimeFunction:
    """An entry of the unwind table: a piece of code, and where its unwind information lies."""

    begin: int
    end: int
    unwind_info: int


@dataclass(frozen=True)
class Export:
    """A name that other images can link to."""

    name: str
    rva: int


class Image:
    """Reads an image by `read(rva, count)`. Raises BadImageError for what is no image, UnreadableError for what is
    not there."""

    def __init__(self, read: ReadMemory, path: Path | None = None) -> None:
        self.read = read
        self.path = path
        """The file that it was read from; None for one in a target's memory alone."""
        header = read_exactly(read, 0, 0x40)
        (at,) = struct.unpack_from("<I", header, 0x3C)
        if header[:2] != b"MZ" or at > 0x1000:
            raise BadImageError("no PE image: it does not begin as one")
        start = read_exactly(read, at, 24)
        self.machine, sections, self.timestamp, optional_size = struct.unpack_from("<4xHHI8xH", start)
        if start[:4] != b"PE\0\0" or self.machine not in (AMD64, I386) or sections > MAX_SECTIONS:
            raise BadImageError(f"no PE image for x86 processors: machine {self.machine:#x}, {sections} sections")
        optional = read_exactly(read, at + 24, min(optional_size, 0x200))
        first_directory = 0x70 if self.machine == AMD64 else 0x60
        if len(optional) < first_directory:
            raise BadImageError("no PE image: its header is too short")
        self.size, self.headers, self.checksum = struct.unpack_from("<III", optional, 0x38)
        self._directories = optional[first_directory:]
        table = read_exactly(read, at + 24 + optional_size, sections * 40)
        self.sections = [_section(table, i) for i in range(sections)]

    @classmethod
    def from_file(cls, path: Path) -> Image:
        """The image of a file, laid out as a loader would, but not relocated."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadImageError(f"cannot read {path}: {error.strerror}") from error
        try:
            return cls(_layout(data), path)
        except (BadImageError, UnreadableError) as error:
            raise BadImageError(f"{path}: {error}") from error

    @cached_property
    def pdb(self) -> PdbIdentity | None:
        """None when the image names no PDB, or when that page is not there."""
        try:
            rva, length = self._directory_place(_DEBUG)
            table = read_exactly(self.read, rva, min(length, MAX_DEBUG))
            for at in range(0, len(table) - 27, 28):
                kind, size, rva = struct.unpack_from("<12xIII", table, at)
                if kind == _CODEVIEW and rva and 24 < size <= 0x1000:
                    identity = codeview_identity(read_exactly(self.read, rva, size))
                    if identity is not None:
                        return identity
        except UnreadableError:
            pass
        return None

    @cached_property
    def functions(self) -> list[RuntimeFunction]:
        """The unwind table in order; empty when the image has none (32-bit images never have)."""
        if self.machine != AMD64:
            return []
        table = self._directory(_EXCEPTION)
        whole = table[: len(table) // 12 * 12]
        entries = [RuntimeFunction(*each) for each in _RUNTIME_FUNCTION.iter_unpack(whole)]
        return sorted((each for each in entries if each.begin < each.end), key=lambda each: each.begin)

    def function_at(self, rva: int) -> RuntimeFunction | None:
        """The entry whose code contains `rva`; None for a leaf function, which has none."""
        index = bisect_right(self._begins, rva) - 1
        entry = self.functions[index] if index >= 0 else None
        return entry if entry and rva < entry.end else None

    def is_code(self, rva: int) -> bool:
        """Whether it lies in an executable section."""
        return any(each.is_code and each.rva <= rva < each.rva + each.size for each in self.sections)

    @cached_property
    def exports(self) -> list[Export]:
        """Exported names in the order of their addresses; forwarded ones are left out."""
        start, size = self._directory_place(_EXPORT)
        if not size:
            return []
        table = self._directory(_EXPORT)
        if len(table) < 40:
            return []
        count, names, functions, name_table, ordinals = struct.unpack_from("<20xIIIII", table)

        def piece(rva: int, length: int) -> bytes:
            inside = rva - start
            if inside >= 0 and inside + length <= len(table):
                return table[inside : inside + length]
            return read_exactly(self.read, rva, min(length, MAX_DIRECTORY))

        count, names = min(count, 1 << 16), min(names, 1 << 16)
        places = struct.unpack(f"<{count}I", piece(functions, count * 4))
        found = []
        pairs = zip(
            struct.iter_unpack("<I", piece(name_table, names * 4)),
            struct.iter_unpack("<H", piece(ordinals, names * 2)),
            strict=True,
        )
        for (name_at,), (ordinal,) in pairs:
            rva = places[ordinal] if ordinal < count else 0
            inside = name_at - start
            if rva and not start <= rva < start + size and 0 <= inside < len(table):
                text = table[inside : inside + MAX_NAME].split(b"\0", 1)[0]
                found.append(Export(text.decode("latin-1"), rva))
        return sorted(found, key=lambda each: each.rva)

    @cached_property
    def _begins(self) -> list[int]:
        return [each.begin for each in self.functions]

    def _directory_place(self, index: int) -> tuple[int, int]:
        if len(self._directories) < index * 8 + 8:
            return 0, 0
        rva, size = struct.unpack_from("<II", self._directories, index * 8)
        return (rva, min(size, MAX_DIRECTORY)) if rva else (0, 0)

    def _directory(self, index: int) -> bytes:
        rva, size = self._directory_place(index)
        return read_exactly(self.read, rva, size)


def _section(table: bytes, index: int) -> Section:
    name, size, rva, flags = struct.unpack_from("<8sII20xI", table, index * 40)
    return Section(name.rstrip(b"\0").decode("latin-1"), rva, size, bool(flags & _EXECUTABLE))


def codeview_identity(record: bytes) -> PdbIdentity | None:
    """What an RSDS record says; None for another kind of record."""
    if record[:4] != b"RSDS" or len(record) < 24:
        return None
    (age,) = struct.unpack_from("<I", record, 20)
    name = record[24:].split(b"\0", 1)[0].decode("utf-8", "replace")
    return PdbIdentity(uuid.UUID(bytes_le=record[4:20]), age, name.replace("\\", "/").rsplit("/", 1)[-1])


def _layout(data: bytes) -> ReadMemory:
    """A reader of a file's bytes by the addresses at which a loader would put them."""
    pieces = [(0, min(0x1000, len(data)), 0)]
    if len(data) >= 0x40:
        (at,) = struct.unpack_from("<I", data, 0x3C)
        if at + 24 <= len(data):
            count, optional = struct.unpack_from("<6xH12xH", data, at)
            for i in range(min(count, MAX_SECTIONS)):
                place = at + 24 + optional + i * 40
                if place + 40 <= len(data):
                    size, rva, raw_size, raw = struct.unpack_from("<IIII", data, place + 8)
                    pieces.append((rva, min(size, raw_size) or raw_size, raw))

    def read(rva: int, count: int) -> bytes:
        for start, size, raw in pieces:
            if start <= rva < start + size:
                return data[raw + rva - start : raw + min(rva - start + count, size)]
        return b""

    return read
