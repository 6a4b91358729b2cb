"""Records as the driver host writes them into the carrier."""

from __future__ import annotations

import struct

PRINT, LOAD, UNLOAD, BUGCHECK, EXCEPTION = range(1, 6)
MAX_TEXT = 4096 - 44


def record(kind: int, payload: bytes) -> bytes:
    return struct.pack("<4sHHIIIIQ", b"KDR1", 32 + len(payload), kind, 40, 44, 0, 1, 0) + payload


def print_record(text: bytes) -> bytes:
    assert len(text) <= MAX_TEXT
    return record(PRINT, struct.pack("<III", 101, 3, 0) + text)


def module_record(name: bytes, base: int, size: int = 0x5000, checksum: int = 0x1234, unload: bool = False) -> bytes:
    payload = struct.pack("<QIIII", base, size, checksum, 0x5F000000, 0) + name
    return record(UNLOAD if unload else LOAD, payload)


def bugcheck_record(code: int, parameters: tuple[int, int, int, int], driver: bytes = b"") -> bytes:
    return record(BUGCHECK, struct.pack("<II4QQ", code, 0, *parameters, 0x7FF612340000) + driver)


def exception_record(code: int, address: int, parameters: tuple[int, ...], driver: bytes = b"") -> bytes:
    padded = parameters + (0,) * (15 - len(parameters))
    payload = struct.pack("<IIQII15QQQQ", code, 0, address, len(parameters), 0, *padded, address, 0x1000, 0x2000)
    return record(EXCEPTION, payload + driver)
