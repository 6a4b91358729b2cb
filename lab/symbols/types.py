"""Types of a PDB: structures with the offsets, names and sizes of their fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.symbols.type_table import TypeTable


@dataclass(frozen=True)
class Type:
    """A type; also what could not be read (`unknown type 0x1234`, of size 0)."""

    name: str
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Scalar(Type):
    """A number, a character or a truth value, as `form` says: unsigned, signed, float, char, wchar, bool or void."""

    form: str


@dataclass(frozen=True)
class Pointer(Type):
    """A pointer. What it points to is looked up when asked for: types refer to each other in circles."""

    target_index: int
    table: TypeTable = field(repr=False, compare=False)

    @property
    def target(self) -> Type:
        return self.table.type(self.target_index)


@dataclass(frozen=True)
class Array(Type):
    """`count` elements side by side."""

    element: Type
    count: int


@dataclass(frozen=True)
class Bits(Type):
    """Some bits of a number."""

    base: Type
    position: int
    length: int


@dataclass(frozen=True)
class Enumeration(Type):
    """Named numbers."""

    base: Type
    values: Mapping[int, str] = field(compare=False)


@dataclass(frozen=True)
class Procedure(Type):
    """The type of a function."""

    result: Type
    parameters: tuple[Type, ...]


@dataclass(frozen=True)
class Field:
    """A member of a structure or union."""

    name: str
    offset: int
    """Bytes from the structure's beginning."""
    type_index: int
    table: TypeTable = field(repr=False, compare=False)

    @property
    def type(self) -> Type:
        return self.table.type(self.type_index)


@dataclass(frozen=True)
class Structure(Type):
    """A structure or a union. `fields` are read when asked for."""

    fields_index: int
    table: TypeTable = field(repr=False, compare=False)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return self.table.fields(self.fields_index)

    def field(self, name: str) -> Field | None:
        """The member of that name, in any case if none has it exactly."""
        return _named(self.fields, name)


def _named(fields: Iterable[Field], name: str) -> Field | None:
    exact = [each for each in fields if each.name == name]
    alike = [each for each in fields if each.name.lower() == name.lower()]
    return next(iter(exact or alike), None)
