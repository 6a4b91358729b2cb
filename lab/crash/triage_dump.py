"""Kernel triage dumps ("small memory dumps"): registers, one stack, names of modules, a few pages.

Layout: TRIAGE_DUMP64 behind the header, as the debuggers' headers have it. Offsets in it are the file's.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lab.crash.debugger_block import CONTEXT_SIZE
from lab.crash.dump_file import DumpFile
from lab.crash.kernel_header import SIZE, KernelHeader, exception_record
from lab.crash.kernel_scene import MAX_UNLOADED, header_facts, system_words
from lab.crash.process_name import find_name
from lab.crash.scene import Scene, SceneModule, SceneThread
from lab.crash.segments import Segment, SegmentMemory
from lab.kd.context import Context, decode_context
from lab.kd.modules import MAX_MODULES
from lab.kd.state_change import Machine

VALID = b"TRGD"
MAX_BLOCKS = 8192
MAX_NAME = 512
"""Characters."""
DRIVER_SIZE, UNLOADED_SIZE = 0x90, 0x38
_TRIAGE = struct.Struct("<18IQ16xQIIIIII")
_DRIVER = struct.Struct("<I52xQ8xI52xI4xI")
_OVERFLOWED = 0x100


@dataclass(frozen=True, slots=True)
class _Triage:
    """TRIAGE_DUMP64, in its order."""

    service_pack: int
    size: int
    valid: int
    context: int
    exception: int
    memory_manager: int
    unloaded: int
    processor: int
    process: int
    thread: int
    stack: int
    stack_size: int
    drivers: int
    driver_count: int
    strings: int
    strings_size: int
    broken_driver: int
    options: int
    stack_top: int
    """The lowest address of the stack that was kept, whatever the name says."""
    page_address: int
    page: int
    page_size: int
    debugger_data: int
    debugger_data_size: int
    blocks: int
    block_count: int


def read_triage_dump(file: DumpFile, header: KernelHeader) -> Scene:
    """Raises BadDumpError."""
    triage = _Triage(*_TRIAGE.unpack(file.take(SIZE, _TRIAGE.size, "the triage header")))
    notes = []
    if file.read(triage.valid, 4) != VALID:
        notes.append(f"the mark of a complete triage dump is not at {triage.valid:#x}: it was cut off, or damaged")
    if triage.options & _OVERFLOWED:
        notes.append("the dump was too small for all that belongs into it")
    memory = SegmentMemory(file, _segments(file, header, triage, notes))
    context = _context(file, triage, header)
    if context is None:
        notes.append("the registers are not in the dump")
    process = find_name(file.read(triage.process, min(max(triage.thread - triage.process, 0), 0x1000)))
    if process:
        notes.append(f"the process's name {process} is what looked like one in its EPROCESS")
    exception = exception_record(file.read(triage.exception, 0x98), 0) if triage.exception else None
    return Scene(
        source=f"kernel triage dump {file.path.name}",
        machine=header.machine_name,
        memory=memory,
        time=header.time,
        system=system_words(header),
        process=process,
        bugcheck=header.bugcheck,
        exception=exception or header.exception,
        modules=(*_modules(file, triage, notes), *_unloaded(file, triage, notes)),
        threads=(SceneThread("the processor that crashed", context.registers, faulting=True),) if context else (),
        notes=tuple(notes),
        facts={
            "kind": "kernel triage dump",
            "file size": f"{file.size:,} bytes",
            "memory kept": f"{memory.size >> 10:,} KiB, {triage.stack_size >> 10:,} of them stack",
            **header_facts(header),
        },
    )


def _context(file: DumpFile, triage: _Triage, header: KernelHeader) -> Context | None:
    if header.machine_name != "AMD64":
        return None
    context = decode_context(file.read(triage.context, CONTEXT_SIZE), Machine.AMD64) if triage.context else None
    return context if context is not None and context["rip"] else header.context


def _segments(file: DumpFile, header: KernelHeader, triage: _Triage, notes: list[str]) -> list[Segment]:
    """The stack, the page and the blocks of data that were kept, as far as the file has them."""
    found = [
        Segment(triage.stack_top, triage.stack_size, triage.stack),
        Segment(triage.page_address, triage.page_size, triage.page),
        Segment(header.debugger_data, triage.debugger_data_size, triage.debugger_data),
    ]
    count = min(triage.block_count, MAX_BLOCKS)
    raw = file.read(triage.blocks, count * 16) if triage.blocks else b""
    if len(raw) < count * 16 or count < triage.block_count:
        notes.append(f"the table of {triage.block_count} data blocks at {triage.blocks:#x} is damaged or cut off")
    for address, offset, size in struct.iter_unpack("<QII", raw[: len(raw) // 16 * 16]):
        found.append(Segment(address, size, offset))
    kept = [each for each in found if each.offset and each.size > 0 and each.offset + each.size <= file.size]
    lost = sum(each.size > 0 for each in found) - len(kept)
    if lost:
        notes.append(f"{lost} pieces of memory lie outside the file: it was cut off, or damaged")
    return kept


def _modules(file: DumpFile, triage: _Triage, notes: list[str]) -> list[SceneModule]:
    count = min(triage.driver_count, MAX_MODULES)
    raw = file.read(triage.drivers, count * DRIVER_SIZE) if triage.drivers else b""
    if len(raw) < count * DRIVER_SIZE or count < triage.driver_count:
        notes.append(f"the list of {triage.driver_count} modules at {triage.drivers:#x} is damaged or cut off")
    found = []
    for at in range(0, len(raw) // DRIVER_SIZE * DRIVER_SIZE, DRIVER_SIZE):
        name_at, base, size, checksum, timestamp = _DRIVER.unpack_from(raw, at)
        path = _string(file, name_at)
        if base:
            name = path.replace("/", "\\").rpartition("\\")[2] or f"module-{base:x}"
            found.append(SceneModule(name, path, base, size, timestamp or None, checksum or None))
    return found


def _unloaded(file: DumpFile, triage: _Triage, notes: list[str]) -> list[SceneModule]:
    if not triage.unloaded:
        return []
    raw = file.read(triage.unloaded, 8 + MAX_UNLOADED * UNLOADED_SIZE)
    count = int.from_bytes(raw[:4], "little")
    if count > MAX_UNLOADED or len(raw) < 8 + count * UNLOADED_SIZE:
        notes.append(f"the list of {count} unloaded modules at {triage.unloaded:#x} is damaged or cut off")
        return []
    found = []
    for i in range(count):
        text, start, end = struct.unpack_from("<16x24sQQ", raw, 8 + i * UNLOADED_SIZE)
        name = text.decode("utf-16-le", "replace").split("\0", 1)[0]
        if end > start:
            found.append(SceneModule(name or "?", "", start, end - start, unloaded=True))
    return found


def _string(file: DumpFile, at: int) -> str:
    """A DUMP_STRING: a number of characters, then those."""
    count = int.from_bytes(file.read(at, 4), "little")
    return file.read(at + 4, min(count, MAX_NAME) * 2).decode("utf-16-le", "replace").split("\0", 1)[0] if at else ""
