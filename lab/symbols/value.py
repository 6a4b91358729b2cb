"""A typed place in the target's memory, to walk from field to field."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from lab.errors import LabError
from lab.symbols.errors import NoSymbolError, UnreadableError
from lab.symbols.memory import ReadMemory, read_exactly
from lab.symbols.types import Array, Bits, Enumeration, Pointer, Scalar, Structure, Type

MAX_TEXT = 4096
"""Characters of a string that are read at most."""
_STEP = re.compile(r"\s*(?:->|\.)?\s*(?:(?P<name>[A-Za-z_]\w*)|\[(?P<index>\d+)\])")


@dataclass(frozen=True, repr=False)
class Value:
    """Something of `type` at `address`; for what sits in a register `held` has its bytes and `address` is 0."""

    type: Type
    address: int
    read: ReadMemory
    find_type: Callable[[str], Type]
    held: bytes | None = None

    @property
    def raw(self) -> bytes:
        """Its bytes. Raises UnreadableError."""
        return self.held if self.held is not None else read_exactly(self.read, self.address, self.type.size)

    @property
    def number(self) -> int:
        """As a number: a scalar, a pointer's address, some bits. Raises UnreadableError; UsageError for structures."""
        kind = self.type
        if isinstance(kind, Bits):
            return int.from_bytes(self.raw, "little") >> kind.position & (1 << kind.length) - 1
        base = kind.base if isinstance(kind, Enumeration) else kind
        whole = _only_number(kind) if isinstance(kind, Structure) else base
        if not isinstance(whole, Scalar | Pointer):
            raise NoSymbolError(f"a {kind.name} is no number", f"it has: {_field_names(kind)}")
        signed = isinstance(whole, Scalar) and whole.form == "signed"
        return int.from_bytes(self.raw, "little", signed=signed)

    @property
    def text(self) -> str:
        """A UNICODE_STRING, STRING, character array or pointer to characters as text. Raises UnreadableError."""
        kind = self.type
        if isinstance(kind, Structure) and kind.name.lstrip("_") in ("UNICODE_STRING", "STRING", "ANSI_STRING"):
            length = min(self.follow("Length").number, MAX_TEXT)
            data = read_exactly(self.read, self.follow("Buffer").number, length)
            return data.decode("utf-16-le" if "UNICODE" in kind.name else "latin-1", "replace")
        if isinstance(kind, Array) and isinstance(kind.element, Scalar):
            return _terminated(self.raw, kind.element)
        if isinstance(kind, Pointer) and isinstance(kind.target, Scalar):
            address = self.number
            return _terminated(_read_string(self.read, address, kind.target.size), kind.target)
        raise NoSymbolError(f"a {kind.name} is no text")

    @property
    def target(self) -> Value:
        """What the pointer points to. Raises UnreadableError when the pointer itself cannot be read."""
        if not isinstance(self.type, Pointer):
            raise NoSymbolError(f"a {self.type.name} is no pointer")
        return Value(self.type.target, self.number, self.read, self.find_type)

    def cast(self, name: str) -> Value:
        """The same place taken for another type; a pointer (PVOID, say) is taken for a pointer to that type."""
        kind = self.find_type(name)
        if isinstance(self.type, Pointer) and not isinstance(kind, Pointer):
            return Value(kind, self.number, self.read, self.find_type)
        return Value(kind, self.address, self.read, self.find_type, self.held)

    def follow(self, path: str) -> Value:
        """A member's member: `Tail.Overlay.CurrentStackLocation->FileObject`. `.` goes through pointers like `->`.

        Raises NoSymbolError for a member that does not exist, UnreadableError.
        """
        value, at = self, 0
        while at < len(path):
            step = _STEP.match(path, at)
            if step is None:
                raise NoSymbolError(f"not a path of members: {path!r}", "write Member.Other->More or Member[3]")
            value = value.element(int(step["index"])) if step["index"] else value.member(step["name"])
            at = step.end()
        return value

    def member(self, name: str) -> Value:
        """One member, of what a pointer points to as well."""
        here = self.target if isinstance(self.type, Pointer) else self
        kind = here.type
        found = kind.field(name) if isinstance(kind, Structure) else None
        if found is None:
            raise NoSymbolError(f"a {kind.name} has no {name!r}", f"it has: {_field_names(kind)}")
        if here.held is not None:
            part = here.held[found.offset : found.offset + found.type.size]
            return Value(found.type, 0, self.read, self.find_type, part)
        return Value(found.type, here.address + found.offset, self.read, self.find_type)

    def element(self, index: int) -> Value:
        """One element of an array, or of what a pointer points to."""
        if isinstance(self.type, Array) and self.held is None:
            kind, base = self.type.element, self.address
        elif isinstance(self.type, Pointer):
            kind, base = self.type.target, self.number
        else:
            raise NoSymbolError(f"a {self.type.name} has no elements")
        return Value(kind, base + index * kind.size, self.read, self.find_type)

    def __getattr__(self, name: str) -> Value:
        """`irp.Tail.Overlay` for `irp.follow("Tail.Overlay")`."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self.member(name)

    def __int__(self) -> int:
        return self.number

    __index__ = __int__

    def __repr__(self) -> str:
        from lab.symbols.show import summary

        place = "" if self.held is not None else f" at {self.address:#x}"
        try:
            return f"<{self.type.name} {summary(self)}{place}>"
        except LabError:
            return f"<{self.type.name}{place}>"

    def __str__(self) -> str:
        from lab.symbols.show import show

        return "\n".join(show(self))


def _only_number(kind: Structure) -> Type | None:
    """LARGE_INTEGER and the like: a union with a scalar of its whole size."""
    whole = (each.type for each in kind.fields if each.offset == 0 and each.type.size == kind.size)
    return next((each for each in whole if isinstance(each, Scalar)), None)


def _field_names(kind: Type) -> str:
    return ", ".join(each.name for each in kind.fields) if isinstance(kind, Structure) else "no members"


def _read_string(read: ReadMemory, address: int, size: int) -> bytes:
    """Characters up to a NUL. Raises UnreadableError when there is not even one."""
    data = bytearray()
    while len(data) < MAX_TEXT * size:
        piece = read(address + len(data), 64)
        data += piece
        if len(piece) < 64 or any(piece[i : i + size] == bytes(size) for i in range(0, 64, size)):
            break
    if not data:
        raise UnreadableError(address)
    return bytes(data)


def _terminated(data: bytes, element: Scalar) -> str:
    text = data.decode("utf-16-le" if element.size == 2 else "latin-1", "replace")
    return text.split("\0", 1)[0]
