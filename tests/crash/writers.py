"""Writes a crashed machine as dumps of each kind, from the descriptions of their formats."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from .crashed_machine import (
    BUGCHECK,
    DEBUGGER_DATA,
    DIRECTORY,
    DRIVER,
    KERNEL,
    LISTS,
    PAGE,
    PATH,
    TIME,
    CrashedMachine,
    runs_of,
)

Write = Callable[[CrashedMachine, Path], None]


def header(machine: CrashedMachine, kind: int, runs: list[tuple[int, int]] | None = None) -> bytearray:
    raw = bytearray(b"PAGE" * 0x800)
    raw[:8] = b"PAGEDU64"
    struct.pack_into(
        "<IIQQQQIIIIQQQQ", raw, 8, 15, 19041, DIRECTORY, 0, LISTS, 0, 0x8664, 2, BUGCHECK[0], 0, *BUGCHECK[1]
    )
    struct.pack_into("<Q", raw, 0x80, DEBUGGER_DATA)
    if runs is not None:
        struct.pack_into("<IIQ", raw, 0x88, len(runs), 0, sum(count for _, count in runs))
        for i, run in enumerate(runs):
            struct.pack_into("<QQ", raw, 0x98 + i * 16, *run)
    raw[0x348:0x818] = machine.context()
    struct.pack_into("<IIQQII2Q", raw, 0xF00, 0xC0000005, 1, 0, machine.registers[0]["rip"], 2, 0, 1, 0x10)
    struct.pack_into("<I", raw, 0xF98, kind)
    ticks = int((TIME - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds() * 10_000_000)
    struct.pack_into("<QQ", raw, 0xFA0, 0, ticks)
    struct.pack_into("<128s", raw, 0xFB0, b"")
    struct.pack_into("<Q", raw, 0x1030, 3725 * 10_000_000)
    struct.pack_into("<I", raw, 0x1040, 1)
    return raw


def _pages(machine: CrashedMachine) -> bytes:
    return b"".join(bytes(machine.physical[page]) for page in sorted(machine.physical))


def write_full(machine: CrashedMachine, path: Path) -> None:
    path.write_bytes(header(machine, 1, runs_of(machine.physical)) + _pages(machine))


def _bitmap(machine: CrashedMachine) -> bytes:
    bits = bytearray(max(machine.physical) // 8 + 1)
    for page in machine.physical:
        bits[page // 8] |= 1 << page % 8
    return bytes(bits)


def write_bitmap(machine: CrashedMachine, path: Path, kind: int = 5, tag: bytes = b"SDMP") -> None:
    """As Windows 8 and later write kernel and active dumps."""
    bits = _bitmap(machine)
    first = -(-(0x2038 + len(bits)) // PAGE) * PAGE
    start = struct.pack("<4s4s24xQQQ", tag, b"DUMP", first, len(machine.physical), len(bits) * 8)
    path.write_bytes((bytes(header(machine, kind)) + start + bits).ljust(first, b"\0") + _pages(machine))


def write_summary(machine: CrashedMachine, path: Path) -> None:
    """As Windows before 8 wrote kernel dumps."""
    bits = _bitmap(machine)
    first = -(-(0x2028 + len(bits)) // PAGE) * PAGE
    start = struct.pack("<4s4sIIII4x4xQ", b"SDMP", b"DUMP", 0, first, len(bits) * 8, len(machine.physical), 0)
    start = start[:0x18] + struct.pack("<I12x", len(bits) * 8)
    path.write_bytes((bytes(header(machine, 2)) + start + bits).ljust(first, b"\0") + _pages(machine))


def write_ranges(machine: CrashedMachine, path: Path, kind: int = 8) -> None:
    """As Windows 11 writes them."""
    ranges = b"".join(struct.pack("<QQ", *run) for run in runs_of(machine.physical)) + bytes(16)
    size = -(-(len(ranges) + 0x2030) // PAGE) * PAGE - 0x2020 - 0x10
    first = 0x2040 + size - 0x20
    start = struct.pack("<I4s4sIQQ", 0x40, b"RDMP", b"DUMP", 0, size, first)
    start += struct.pack("<IIQ", len(runs_of(machine.physical)), 0, len(machine.physical))
    path.write_bytes((bytes(header(machine, kind)) + start + ranges).ljust(first, b"\0") + _pages(machine))


def write_triage(machine: CrashedMachine, path: Path, padding: int = 0) -> None:
    """A small memory dump; `padding` makes it larger, as a real one is."""
    out = bytearray(header(machine, 4)) + bytes(0x80)

    def add(data: bytes | bytearray) -> int:
        out.extend(bytes(-len(out) % 8))
        at = len(out)
        out.extend(data)
        return at

    process = bytearray(0x600)
    process[0x5A8:0x5B3] = b"traffic.exe"
    strings, drivers = bytearray(), bytearray()
    modules = [("\\SystemRoot\\system32\\ntoskrnl.exe", KERNEL, 0x3000, 0, 0)]
    modules.append((PATH, DRIVER, machine.image.size, machine.image.checksum, machine.image.timestamp))
    list_at = len(out) + 8 - len(out) % 8
    pool_at = list_at + len(modules) * 0x90
    for name, base, size, checksum, timestamp in modules:
        entry = bytearray(0x90)
        struct.pack_into("<I", entry, 0, pool_at + len(strings))
        struct.pack_into("<Q", entry, 0x38, base)
        struct.pack_into("<I", entry, 0x48, size)
        struct.pack_into("<I4xI", entry, 0x80, checksum, timestamp)
        drivers += entry
        text = name.encode("utf-16-le")
        strings += struct.pack("<I", len(name)) + text + b"\0\0"
        strings += bytes(-len(strings) % 8)
    out.extend(bytes(list_at - len(out)))
    assert add(drivers) == list_at
    assert add(strings) == pool_at
    unloaded = struct.pack("<II", 1, 0) + struct.pack(
        "<16x24sQQ", "old.sys".encode("utf-16-le"), DRIVER - 0x20000, DRIVER - 0x18000
    )
    unloaded_at, process_at = add(unloaded), add(process)
    thread_at = add(bytes(0x400))
    stack_at = add(machine.stack())
    block = b"around the fault"
    blocks_at = add(struct.pack("<QII", 0xFFFFAA0000ABC000, add(block), len(block)))
    add(bytes(padding))
    valid = add(b"TRGD")
    struct.pack_into(
        "<18IQ16xQIIIIII", out, 0x2000,
        0, len(out), valid, 0x348, 0xF00, 0, unloaded_at, 0, process_at, thread_at, stack_at, len(machine.stack()),
        list_at, len(modules), pool_at, len(strings), 0, 0xFF,
        machine.registers[0]["rsp"], 0, 0, 0, 0, 0, blocks_at, 1,
    )  # fmt: skip
    path.write_bytes(out)


MEMORY_DUMPS: dict[str, Write] = {
    "full": write_full,
    "bitmap-kernel": write_bitmap,
    "bitmap-full": lambda machine, path: write_bitmap(machine, path, 5, b"FDMP"),
    "live": lambda machine, path: write_bitmap(machine, path, 6),
    "automatic": lambda machine, path: write_bitmap(machine, path, 7),
    "summary": write_summary,
    "ranges-kernel": write_ranges,
    "ranges-user": lambda machine, path: write_ranges(machine, path, 9),
    "ranges-complete": lambda machine, path: write_ranges(machine, path, 10),
}
"""Kinds of dumps that hold physical memory."""
ALL_DUMPS: dict[str, Write] = {**MEMORY_DUMPS, "triage": write_triage}
