"""The type stream of a PDB: numbered records, read one at a time. Layouts: LLVM's "The PDB TPI Stream" and cvinfo.h."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from lab.symbols.errors import BadImageError

FIRST_INDEX = 0x1000
"""Smaller type indices name the built-in types."""
_HEADER = struct.Struct("<IIIII")
_NUMERIC = {
    0x8000: "<b", 0x8001: "<h", 0x8002: "<H", 0x8003: "<i", 0x8004: "<I", 0x8009: "<q", 0x800A: "<Q",
}  # fmt: skip


class Leaf(IntEnum):
    """Kinds of type records, and of the pieces of a field list."""

    MODIFIER = 0x1001
    POINTER = 0x1002
    PROCEDURE = 0x1008
    ARGUMENTS = 0x1201
    FIELDS = 0x1203
    BITFIELD = 0x1205
    BASE_CLASS = 0x1400
    CONTINUED = 0x1404
    VIRTUAL_TABLE = 0x1409
    ENUMERATE = 0x1502
    ARRAY = 0x1503
    CLASS = 0x1504
    STRUCTURE = 0x1505
    UNION = 0x1506
    ENUM = 0x1507
    MEMBER = 0x150D
    STATIC_MEMBER = 0x150E
    METHOD = 0x150F
    NESTED_TYPE = 0x1510
    ONE_METHOD = 0x1511


class Cursor:
    """Reads a record from its beginning. Raises BadImageError past its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Padding between the pieces of a field list does not count."""
        while self._at < len(self._data) and self._data[self._at] >= 0xF0:
            self._at += 1
        return self._at >= len(self._data)

    def take(self, form: str) -> tuple[int, ...]:
        size = struct.calcsize(form)
        if self._at + size > len(self._data):
            raise BadImageError("damaged type record in a PDB")
        values = struct.unpack_from(form, self._data, self._at)
        self._at += size
        return values

    def number(self) -> int:
        """A "numeric leaf": small numbers stand for themselves, others have their form in front."""
        (first,) = self.take("<H")
        if first < 0x8000:
            return first
        if first not in _NUMERIC:
            raise BadImageError(f"type record with a number of unknown form {first:#x} in a PDB")
        return self.take(_NUMERIC[first])[0]

    def text(self) -> str:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise BadImageError("type record with an unending name in a PDB")
        raw = self._data[self._at : end]
        self._at = end + 1
        return raw.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Record:
    """One record, not taken apart."""

    kind: int
    payload: bytes

    def cursor(self) -> Cursor:
        return Cursor(self.payload)


class TypeRecords:
    """Finds records by their index. Raises BadImageError when the stream is none."""

    def __init__(self, stream: bytes) -> None:
        if len(stream) < _HEADER.size:
            raise BadImageError("the PDB has no type stream")
        _, header, self.begin, end, size = _HEADER.unpack_from(stream)
        self._stream = stream[: header + size]
        self._places: list[int] = []
        at = header
        while at + 4 <= len(self._stream) and len(self._places) < max(end - self.begin, 0):
            self._places.append(at)
            at += 2 + max(int.from_bytes(self._stream[at : at + 2], "little"), 2)

    def __len__(self) -> int:
        return len(self._places)

    def record(self, index: int) -> Record:
        """Raises BadImageError for an index that the stream does not have."""
        place = index - self.begin
        if not 0 <= place < len(self._places):
            raise BadImageError(f"the PDB has no type {index:#x}")
        at = self._places[place]
        length, kind = struct.unpack_from("<HH", self._stream, at)
        return Record(kind, self._stream[at + 4 : at + 2 + length])

    def records(self) -> Iterator[tuple[int, Record]]:
        """All of them, with their indices."""
        for index in range(self.begin, self.begin + len(self._places)):
            yield index, self.record(index)
