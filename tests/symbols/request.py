"""A request to write, as the driver's dispatch routine is given it: laid out by hand, by the WDK's headers."""

from __future__ import annotations

import struct

RESOURCE = 0xFFFFAA0000200000
TEXT = 0xFFFFAA0000300000
DATA = 0xFFFFAA0000310000
FILE = 0xFFFFAA0000400000
STACK_LOCATION = 0xFFFFAA0000500000
IRP = 0xFFFFAA0000600000


def request_to_write() -> dict[int, bytes]:
    """Memory: an IRP that writes 6 bytes to a file `\\HELLO`, the resource of that name with "hello" in its buffer."""
    name = "\\HELLO".encode("utf-16-le")
    string = struct.pack("<HHIQ", len(name), len(name) + 2, 0, TEXT)
    ring = struct.pack("<QIIIIQ", DATA, 4096, 0, 5, 0, 3)
    head = struct.pack("<QQI4x", RESOURCE, RESOURCE, 2) + string
    file = bytearray(216)
    struct.pack_into("<hh", file, 0, 5, 216)
    struct.pack_into("<Q", file, 0x18, RESOURCE)
    file[0x58:0x68] = string
    struct.pack_into("<Q", file, 0x68, 0x1000)
    location = bytearray(72)
    location[0] = 4
    struct.pack_into("<I", location, 8, 6)
    struct.pack_into("<Q", location, 0x30, FILE)
    irp = bytearray(208)
    struct.pack_into("<hH", irp, 0, 6, 208)
    struct.pack_into("<Q", irp, 0xB8, STACK_LOCATION)
    return {
        TEXT: name + bytes(50),
        DATA: b"hello" + b"\xee" * 4091,
        RESOURCE: head + b"\\HELLO".ljust(72, b"\0") + bytes(56) + ring + bytes(8),
        FILE: bytes(file),
        STACK_LOCATION: bytes(location),
        IRP: bytes(irp),
    }
