"""The kernel's list of loaded images: PsLoadedModuleList, which a target's memory holds and may hold wrongly."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from lab.kd.state_change import Machine, sign_extended

MAX_MODULES = 1024
MAX_NAME = 1024
"""Bytes."""

ReadMemory = Callable[[int, int], bytes]
"""`read(address, count)`: fewer bytes, or none, where the target has no memory."""


@dataclass(frozen=True, slots=True)
class Module:
    """A loaded image. `size` is in bytes; `checksum` and `timestamp` are those of its PE header, 0 when not there."""

    name: str
    path: str
    base: int
    size: int
    checksum: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class _Layout:
    """Offsets in KLDR_DATA_TABLE_ENTRY, which have not changed since NT 5."""

    pointer: str
    base: int
    size: int
    full_name: int
    base_name: int
    checksum: int
    length: int


_LAYOUTS = {
    Machine.AMD64: _Layout("<Q", 0x30, 0x40, 0x48, 0x58, 0x78, 0x7C),
    Machine.I386: _Layout("<I", 0x18, 0x20, 0x24, 0x2C, 0x40, 0x44),
}


def read_modules(read: ReadMemory, machine: Machine, head: int) -> list[Module]:
    """The list whose head is at `head`, as far as it can be read: it ends where it is damaged, or at MAX_MODULES."""
    layout = _LAYOUTS[machine]
    modules: list[Module] = []
    seen = {head}
    entry = _pointer(read, machine, head) if head else 0
    while entry and entry not in seen and len(modules) < MAX_MODULES:
        seen.add(entry)
        raw = read(entry, layout.length)
        if len(raw) < layout.length:
            break
        module = _module(read, machine, layout, raw)
        if module is not None:
            modules.append(module)
        entry = _address(machine, struct.unpack_from(layout.pointer, raw)[0])
    return modules


def _module(read: ReadMemory, machine: Machine, layout: _Layout, raw: bytes) -> Module | None:
    """An entry; None for one that describes no image."""
    base = _address(machine, struct.unpack_from(layout.pointer, raw, layout.base)[0])
    if base == 0:
        return None
    path = _string(read, machine, layout, raw, layout.full_name)
    name = _string(read, machine, layout, raw, layout.base_name) or path.rpartition("\\")[2]
    (size,) = struct.unpack_from("<I", raw, layout.size)
    (checksum,) = struct.unpack_from("<I", raw, layout.checksum)
    timestamp, image_checksum = _header(read, base)
    return Module(name, path, base, size, image_checksum or checksum, timestamp)


def _header(read: ReadMemory, base: int) -> tuple[int, int]:
    """Time stamp and checksum in an image's PE header; zeros when it is not there."""
    dos = read(base, 0x40)
    if len(dos) < 0x40 or dos[:2] != b"MZ":
        return 0, 0
    (at,) = struct.unpack_from("<I", dos, 0x3C)
    header = read(base + at, 0x60) if at < 0x1000 else b""
    if len(header) < 0x60 or header[:4] != b"PE\0\0":
        return 0, 0
    return struct.unpack_from("<I", header, 8)[0], struct.unpack_from("<I", header, 0x58)[0]


def _string(read: ReadMemory, machine: Machine, layout: _Layout, raw: bytes, at: int) -> str:
    """A UNICODE_STRING."""
    (length,) = struct.unpack_from("<H", raw, at)
    at += struct.calcsize(layout.pointer)
    buffer = _address(machine, struct.unpack_from(layout.pointer, raw, at)[0])
    length = min(length & ~1, MAX_NAME)
    return read(buffer, length).decode("utf-16-le", "replace") if buffer and length else ""


def _pointer(read: ReadMemory, machine: Machine, address: int) -> int:
    form = _LAYOUTS[machine].pointer
    raw = read(address, struct.calcsize(form))
    return _address(machine, struct.unpack(form, raw)[0]) if len(raw) == struct.calcsize(form) else 0


def _address(machine: Machine, value: int) -> int:
    return sign_extended(value) if machine is Machine.I386 else value
