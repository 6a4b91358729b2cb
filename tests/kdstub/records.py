"""Records as the driver host writes them into the carrier."""

from __future__ import annotations

import struct
from dataclasses import dataclass

PRINT, LOAD, UNLOAD, BUGCHECK, EXCEPTION, HOST, GOODBYE = range(1, 8)
HEADER = 64
MAX_TEXT = 4096 - HEADER - 12
WINDOWS_PID = 40


@dataclass(frozen=True)
class Writer:
    """Who wrote a record: a process that can be stopped, or the default, which cannot."""

    pid: int = 0
    tid: int = 0
    hold: int = 0
    context: int = 0
    sequence: int = 1


NOBODY = Writer()


def record(kind: int, payload: bytes, writer: Writer = NOBODY, client: int = 0) -> bytes:
    head = struct.pack(
        "<4sHHIIII", b"KDR2", HEADER + len(payload), kind, WINDOWS_PID, 44, client, client and client + 4
    )
    ours = struct.pack("<IIIIQQQ", writer.pid, writer.tid, writer.sequence, 0, 0, writer.hold, writer.context)
    return head + ours + payload


def print_record(text: bytes, component: int = 101, level: int = 3, client: int = 0) -> bytes:
    assert len(text) <= MAX_TEXT
    return record(PRINT, struct.pack("<III", component, level, 0) + text, client=client)


def module_record(
    name: bytes,
    base: int,
    size: int = 0x5000,
    checksum: int = 0x1234,
    unload: bool = False,
    writer: Writer = NOBODY,
) -> bytes:
    payload = struct.pack("<QIIII", base, size, checksum, 0x5F000000, 0) + name
    return record(UNLOAD if unload else LOAD, payload, writer)


def bugcheck_record(
    code: int, parameters: tuple[int, int, int, int], driver: bytes = b"", writer: Writer = NOBODY
) -> bytes:
    return record(BUGCHECK, struct.pack("<II4QQ", code, 0, *parameters, 0x7FF612340000) + driver, writer)


def exception_record(
    code: int,
    address: int,
    parameters: tuple[int, ...],
    driver: bytes = b"",
    writer: Writer = NOBODY,
    first_chance: bool = False,
) -> bytes:
    padded = parameters + (0,) * (15 - len(parameters))
    payload = struct.pack("<IIQII15Q", code, 0, address, len(parameters), first_chance, *padded)
    return record(EXCEPTION, payload + driver, writer)


def host_record(writer: Writer, kernel_base: int = 0, module_list: int = 0, data_list: int = 0, data: int = 0) -> bytes:
    """Without the places of a TEB: a thread of a test has none."""
    return record(HOST, struct.pack("<QQQQIIQ", kernel_base, module_list, data_list, data, 0, 0, 0), writer)


def goodbye_record(writer: Writer) -> bytes:
    return record(GOODBYE, b"", writer)
