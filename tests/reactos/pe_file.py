"""The least of a Windows executable: headers that say what it is for."""

from __future__ import annotations

import struct

NATIVE = 1


def pe_file(machine: int) -> bytes:
    """A driver of this machine, as far as the lab looks at it."""
    optional = struct.pack("<H66xHH", 0x20B, NATIVE, 0).ljust(240, b"\0")
    file_header = struct.pack("<HHIIIHH", machine, 0, 0, 0, 0, len(optional), 0x22)
    return (b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + b"PE\0\0" + file_header + optional).ljust(1024, b"\0")
