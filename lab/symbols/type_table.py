"""From type records to types."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from lab.symbols.errors import BadImageError
from lab.symbols.type_records import FIRST_INDEX, Cursor, Leaf, Record, TypeRecords
from lab.symbols.types import Array, Bits, Enumeration, Field, Pointer, Procedure, Scalar, Structure, Type

MAX_DEPTH = 40
"""Types within types: more than this is a circle."""
MAX_FIELDS = 1 << 16
FORWARD = 0x80
_ANONYMOUS = ("<unnamed-", "<anonymous-", "__unnamed")
"""Every type without a name has one of these: they tell nothing apart."""

_SCALARS = {
    0x00: ("<no type>", 0, "void"), 0x03: ("void", 0, "void"), 0x08: ("HRESULT", 4, "unsigned"),
    0x10: ("signed char", 1, "char"), 0x20: ("unsigned char", 1, "unsigned"), 0x70: ("char", 1, "char"),
    0x68: ("int8_t", 1, "signed"), 0x69: ("uint8_t", 1, "unsigned"), 0x7C: ("char8_t", 1, "char"),
    0x71: ("wchar_t", 2, "wchar"), 0x7A: ("char16_t", 2, "wchar"), 0x7B: ("char32_t", 4, "unsigned"),
    0x11: ("short", 2, "signed"), 0x21: ("unsigned short", 2, "unsigned"),
    0x72: ("short", 2, "signed"), 0x73: ("unsigned short", 2, "unsigned"),
    0x12: ("long", 4, "signed"), 0x22: ("unsigned long", 4, "unsigned"),
    0x74: ("int", 4, "signed"), 0x75: ("unsigned int", 4, "unsigned"),
    0x13: ("__int64", 8, "signed"), 0x23: ("unsigned __int64", 8, "unsigned"),
    0x76: ("__int64", 8, "signed"), 0x77: ("unsigned __int64", 8, "unsigned"),
    0x14: ("__int128", 16, "signed"), 0x24: ("unsigned __int128", 16, "unsigned"),
    0x78: ("__int128", 16, "signed"), 0x79: ("unsigned __int128", 16, "unsigned"),
    0x30: ("bool", 1, "bool"), 0x31: ("bool16", 2, "bool"), 0x32: ("bool32", 4, "bool"), 0x33: ("bool64", 8, "bool"),
    0x40: ("float", 4, "float"), 0x41: ("double", 8, "float"), 0x42: ("long double", 10, "unsigned"),
}  # fmt: skip
_POINTER_SIZES = {1: 2, 2: 4, 3: 4, 4: 4, 5: 6, 6: 8, 7: 16}


class TypeTable:
    """Looks types up by index or by name. A damaged record gives an unknown type, never an endless loop."""

    def __init__(self, records: TypeRecords, typedefs: Mapping[str, int] | None = None) -> None:
        """`typedefs` are further names of types, such as the PDB's S_UDT symbols hold."""
        self._records = records
        self._typedefs = dict(typedefs or {})
        self._types: dict[int, Type] = {}
        self._depth = 0

    def structure(self, name: str) -> Structure | None:
        """The structure or union of that name: `_IRP`, `IRP` and `struct _IRP` are all right, in any case."""
        found = self.named(name)
        return found if isinstance(found, Structure) else None

    def named(self, name: str) -> Type | None:
        """The type of that name; `NAME *` is a pointer to it."""
        name = name.strip()
        for keyword in ("struct ", "union ", "enum ", "const "):
            name = name.removeprefix(keyword).strip()
        if name.endswith("*"):
            target = self._index_of(name[:-1].strip())
            return None if target is None else Pointer(f"{self.type(target).name}*", 8, target, self)
        index = self._index_of(name)
        return None if index is None else self.type(index)

    def names(self) -> list[str]:
        """Names of all structures, unions and enumerations that are whole here, and of typedefs; sorted."""
        return sorted({*self._definitions, *self._typedefs})

    def type(self, index: int) -> Type:
        """The type of that index."""
        if index < FIRST_INDEX:
            return self._built_in(index)
        if index not in self._types:
            if self._depth >= MAX_DEPTH:
                return _unknown(index)
            self._depth += 1
            try:
                self._types[index] = self._read(index)
            except BadImageError:
                self._types[index] = _unknown(index)
            finally:
                self._depth -= 1
        return self._types[index]

    def fields(self, index: int) -> tuple[Field, ...]:
        """The members in a field list; those before its first damaged piece."""
        fields: list[Field] = []
        seen: set[int] = set()
        while index not in seen and index >= FIRST_INDEX and len(fields) < MAX_FIELDS:
            seen.add(index)
            try:
                record = self._records.record(index)
                index = self._field_list(record.cursor(), fields) if record.kind == Leaf.FIELDS else 0
            except BadImageError:
                break
        return tuple(fields)

    def _index_of(self, name: str) -> int | None:
        for choice in (name, f"_{name}", name.removeprefix("_"), f"tag{name}"):
            for table in (self._definitions, self._typedefs):
                if choice in table:
                    return table[choice]
        wanted = name.lower().removeprefix("_")
        for table in (self._definitions, self._typedefs):
            for known, index in table.items():
                if known.lower().removeprefix("_") == wanted:
                    return index
        return next((index for index, (known, _, _) in _SCALARS.items() if known == name and index), None)

    @cached_property
    def _definitions(self) -> dict[str, int]:
        found = {}
        for index, record in self._records.records():
            if record.kind in (Leaf.STRUCTURE, Leaf.CLASS, Leaf.UNION, Leaf.ENUM):
                try:
                    name, forward = _name_of(record)
                except BadImageError:
                    continue
                if not forward and not any(each in name for each in _ANONYMOUS):
                    found[name] = index
        return found

    def _built_in(self, index: int) -> Type:
        name, size, form = _SCALARS.get(index & 0xFF, ("", 0, ""))
        if not name:
            return _unknown(index)
        mode = index >> 8 & 0xF
        if mode:
            return Pointer(f"{name}*", _POINTER_SIZES.get(mode, 8), index & 0xFF, self)
        return Scalar(name, size, form)

    def _read(self, index: int) -> Type:
        record = self._records.record(index)
        cursor = record.cursor()
        match record.kind:
            case Leaf.MODIFIER:
                return self.type(cursor.take("<I")[0])
            case Leaf.POINTER:
                target, attributes = cursor.take("<II")
                size = attributes >> 13 & 0x3F or 8
                return Pointer(f"{self._name(target)}*", size, target, self)
            case Leaf.ARRAY:
                return self._array(cursor)
            case Leaf.STRUCTURE | Leaf.CLASS | Leaf.UNION:
                return self._structure(record)
            case Leaf.ENUM:
                return self._enumeration(cursor)
            case Leaf.BITFIELD:
                base_index, length, position = cursor.take("<IBB")
                base = self.type(base_index)
                return Bits(f"{base.name}:{length}", base.size, base, position, length)
            case Leaf.PROCEDURE:
                return self._procedure(cursor)
        return _unknown(index)

    def _name(self, index: int) -> str:
        """A pointer's target by name alone: its fields may lead back to the pointer."""
        if index < FIRST_INDEX:
            return self._built_in(index).name
        record = self._records.record(index)
        if record.kind in (Leaf.STRUCTURE, Leaf.CLASS, Leaf.UNION, Leaf.ENUM):
            return _name_of(record)[0]
        return self.type(index).name

    def _array(self, cursor: Cursor) -> Type:
        element_index, _ = cursor.take("<II")
        size = cursor.number()
        element = self.type(element_index)
        count = size // element.size if element.size > 0 else 0
        return Array(f"{element.name}[{count}]", size, element, count)

    def _structure(self, record: Record) -> Type:
        cursor = record.cursor()
        _, properties, fields = cursor.take("<HHI")
        if record.kind != Leaf.UNION:
            cursor.take("<II")
        size = cursor.number()
        name = cursor.text()
        if properties & FORWARD:
            whole = self._definitions.get(name)
            return self.type(whole) if whole is not None else Structure(name, 0, 0, self)
        return Structure(name, size, fields, self)

    def _enumeration(self, cursor: Cursor) -> Type:
        _, properties, base_index, fields = cursor.take("<HHII")
        name = cursor.text()
        if properties & FORWARD and name in self._definitions:
            return self.type(self._definitions[name])
        base = self.type(base_index)
        values: dict[int, str] = {}
        try:
            record = self._records.record(fields)
            pieces = record.cursor()
            while record.kind == Leaf.FIELDS and not pieces.at_end and pieces.take("<H")[0] == Leaf.ENUMERATE:
                pieces.take("<H")
                value = pieces.number()
                values.setdefault(value, pieces.text())
        except BadImageError:
            pass
        return Enumeration(name, base.size, base, values)

    def _procedure(self, cursor: Cursor) -> Type:
        result, _, _, _, arguments = cursor.take("<IBBHI")
        record = self._records.record(arguments)
        pieces = record.cursor()
        count = min(pieces.take("<I")[0], len(record.payload) // 4) if record.kind == Leaf.ARGUMENTS else 0
        parameters = tuple(self.type(pieces.take("<I")[0]) for _ in range(count))
        names = ", ".join(each.name for each in parameters)
        returned = self.type(result)
        return Procedure(f"{returned.name}({names})", 0, returned, parameters)

    def _field_list(self, cursor: Cursor, fields: list[Field]) -> int:
        """Take the members out of a field list; return the index of its continuation, 0 if it has none."""
        while not cursor.at_end and len(fields) < MAX_FIELDS:
            (kind,) = cursor.take("<H")
            match kind:
                case Leaf.MEMBER:
                    _, index = cursor.take("<HI")
                    offset = cursor.number()
                    fields.append(Field(cursor.text(), offset, index, self))
                case Leaf.CONTINUED:
                    return cursor.take("<HI")[1]
                case Leaf.STATIC_MEMBER | Leaf.METHOD | Leaf.NESTED_TYPE:
                    cursor.take("<HI")
                    cursor.text()
                case Leaf.ONE_METHOD:
                    attributes, _ = cursor.take("<HI")
                    if attributes >> 2 & 7 in (4, 6):
                        cursor.take("<I")
                    cursor.text()
                case Leaf.BASE_CLASS:
                    cursor.take("<HI")
                    cursor.number()
                case Leaf.VIRTUAL_TABLE:
                    cursor.take("<HI")
                case _:
                    return 0
        return 0


def _name_of(record: Record) -> tuple[str, bool]:
    """Name of a structure, union or enumeration, and whether it is only announced here."""
    cursor = record.cursor()
    _, properties, _ = cursor.take("<HHI")
    if record.kind == Leaf.ENUM:
        cursor.take("<I")
    else:
        if record.kind != Leaf.UNION:
            cursor.take("<II")
        cursor.number()
    return cursor.text(), bool(properties & FORWARD)


def _unknown(index: int) -> Type:
    return Type(f"<type {index:#x}>", 0)
