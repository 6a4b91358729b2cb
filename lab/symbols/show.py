"""Values as text, a line for each member: what `dt` prints."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from lab.symbols.errors import NoSymbolError, UnreadableError
from lab.symbols.types import Array, Bits, Enumeration, Field, Pointer, Procedure, Scalar, Structure, Type
from lab.symbols.value import Value

MAX_SHOWN = 48
"""Characters of a text."""
MAX_BYTES = 16
MAX_SUMMARY = 110
_UNREADABLE = "<unreadable>"
_STRINGS = ("UNICODE_STRING", "STRING", "ANSI_STRING")


def show(value: Value, depth: int = 0) -> Iterator[str]:
    """The lines of a value; structures inside it and behind pointers go on one line, `depth` levels of them in full."""
    if not isinstance(value.type, Structure):
        yield f"{value.type.name} {summary(value)}"
        return
    place = f" at {value.address:#x}" if value.held is None else ""
    yield f"{value.type.name}{place}, {value.type.size} bytes"
    yield from _members(value, depth, "  ")


def describe(kind: Structure) -> Iterator[str]:
    """The lines of a structure without a place in memory: offsets and types."""
    yield f"{kind.name}, {kind.size} bytes"
    width = _width(kind)
    for each in kind.fields:
        yield f"  +{each.offset:#05x} {each.name:<{width}} : {_type_text(each.type)}"


def summary(value: Value, room: int = MAX_SUMMARY) -> str:
    """One line for a value, and for what it points to."""
    try:
        return _summary(value, room)
    except (UnreadableError, NoSymbolError):
        return _UNREADABLE


def quoted(text: str) -> str:
    """A text as it can be printed on one line."""
    shown = "".join(each if each.isprintable() and each not in '"\\' else _escape(each) for each in text[:MAX_SHOWN])
    return f'"{shown}"' + ("..." if len(text) > MAX_SHOWN else "")


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character if character == '"' else character
    return f"\\x{ord(character):02x}"


def _members(value: Value, depth: int, indent: str) -> Iterator[str]:
    kind = value.type
    if not isinstance(kind, Structure):
        return
    width = _width(kind)
    for each in kind.fields:
        member = value.member(each.name)
        yield f"{indent}+{each.offset:#05x} {each.name:<{width}} : {_line(each, member)}"
        if depth > 0:
            yield from _below(member, depth, indent)


def _below(member: Value, depth: int, indent: str) -> Iterator[str]:
    """The members of a structure that the field is, or points to."""
    try:
        inner = member.target if isinstance(member.type, Pointer) and member.number else member
    except UnreadableError:
        return
    if isinstance(inner.type, Structure) and not _has_short_form(inner.type):
        yield from _members(inner, depth - 1, indent + "    ")


def _line(field: Field, member: Value) -> str:
    kind = field.type
    if isinstance(kind, Structure):
        return f"{kind.name} {summary(member)}"
    if isinstance(kind, Array):
        return f"{kind.name} {summary(member)}"
    if isinstance(kind, Pointer):
        return f"{summary(member)} ({kind.name})" if "->" not in summary(member) else summary(member)
    return summary(member)


def _summary(value: Value, room: int) -> str:
    kind = value.type
    if isinstance(kind, Pointer):
        return _pointer(value, kind, room)
    if isinstance(kind, Structure):
        return _structure(value, kind, room)
    if isinstance(kind, Array):
        return _array(value, kind)
    if isinstance(kind, Enumeration):
        number = value.number
        return f"{kind.values[number]} ({number})" if number in kind.values else f"{number}"
    if isinstance(kind, Bits):
        return f"{value.number:#x}"
    if isinstance(kind, Scalar):
        return _scalar(value, kind)
    return f"{kind.name}"


def _scalar(value: Value, kind: Scalar) -> str:
    raw = value.raw
    if kind.form == "float":
        return f"{struct.unpack('<f' if kind.size == 4 else '<d', raw)[0]:g}"
    number = value.number
    if kind.form == "void":
        return ""
    if kind.form in ("char", "wchar"):
        character = chr(number)
        return f"{number:#x} '{character}'" if 0x20 <= number < 0x7F else f"{number:#x}"
    return f"{number:#x}" if number < 0 or number > 9 else f"{number}"


def _pointer(value: Value, kind: Pointer, room: int) -> str:
    number = value.number
    if not number:
        return "NULL"
    target = kind.target
    text = f"{number:#x}"
    if isinstance(target, Scalar) and target.form in ("char", "wchar"):
        return f"{text} -> {_attempt(lambda: quoted(value.text))}"
    if isinstance(target, Scalar) and target.size == 1:
        data = value.read(number, MAX_BYTES)
        return f"{text} -> {_bytes(data)}" if room > MAX_SUMMARY // 2 else f"{text} {_short(data)}"
    if isinstance(target, Structure) and target.size and room > 60:
        return f"{text} -> {target.name} {summary(value.target, room // 2)}"
    return text


def _structure(value: Value, kind: Structure, room: int) -> str:
    name = kind.name.lstrip("_")
    if name in _STRINGS:
        return quoted(value.text) if value.member("Length").number else '""'
    if name == "LIST_ENTRY":
        ends = [value.member(each).number for each in ("Flink", "Blink")]
        return "[ " + " - ".join(f"{each:#x}" for each in ends) + " ]"
    if name in ("LARGE_INTEGER", "ULARGE_INTEGER"):
        return f"{value.number:#x}"
    value.raw  # noqa: B018  (one complaint for the whole structure when it is not there)
    text = ""
    for each in kind.fields:
        piece = f"{', ' if text else ''}{each.name} {summary(value.member(each.name), room // 3)}"
        if len(text) + len(piece) > room:
            return "{" + text + ", ...}" if text else "{...}"
        text += piece
    return "{" + text + "}"


def _array(value: Value, kind: Array) -> str:
    if isinstance(kind.element, Scalar) and kind.element.form in ("char", "wchar"):
        return quoted(value.text)
    if isinstance(kind.element, Scalar) and kind.element.size == 1:
        return _bytes(value.raw[:MAX_BYTES])
    shown = [summary(value.element(i), 30) for i in range(min(kind.count, 4))]
    return "[ " + ", ".join(shown) + (", ... ]" if kind.count > 4 else " ]")


def _bytes(data: bytes) -> str:
    if not data:
        return _UNREADABLE
    text = "".join(chr(each) if 0x20 <= each < 0x7F else "." for each in data)
    return f"{data.hex(' ')} |{text}|"


def _short(data: bytes) -> str:
    """Bytes within a structure's line: their readable beginning."""
    end = next((i for i, each in enumerate(data) if not 0x20 <= each < 0x7F), len(data))
    return f'"{data[:end].decode("latin-1")}"...' if end else f"{data[:4].hex(' ')}..." if data else _UNREADABLE


def _attempt(make: object) -> str:
    try:
        return str(make())  # type: ignore[operator]
    except UnreadableError:
        return _UNREADABLE


def _has_short_form(kind: Structure) -> bool:
    return kind.name.lstrip("_") in (*_STRINGS, "LIST_ENTRY", "LARGE_INTEGER", "ULARGE_INTEGER")


def _type_text(kind: Type) -> str:
    if isinstance(kind, Bits):
        return f"{kind.base.name}, bits {kind.position} to {kind.position + kind.length - 1}"
    if isinstance(kind, Structure | Procedure):
        return kind.name
    return f"{kind.name}, {kind.size} bytes" if isinstance(kind, Array) else kind.name


def _width(kind: Structure) -> int:
    return min(max((len(each.name) for each in kind.fields), default=0), 32)
