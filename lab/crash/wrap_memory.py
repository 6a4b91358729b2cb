"""Makes a Windows dump of a virtual machine's memory: what QEMU wrote, behind a header that debuggers know.

Needs no help from the guest. The header is that of a full memory dump; where the kernel's debugger data says which
pages are memory, only those are taken: a virtual machine's devices have memory too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from lab.crash import kernel_header as header
from lab.crash.debugger_block import CONTEXT_SIZE, read_block
from lab.crash.dump_file import DumpFile
from lab.crash.elf_core import PAGE, Block, ElfCore
from lab.crash.kernel_facts import KernelFacts
from lab.crash.kernel_header import MAX_RUNS, Run
from lab.crash.paging import VirtualMemory
from lab.errors import InfrastructureError
from lab.kd.context import Context
from lab.kd.state_change import Machine
from lab.symbols.errors import UnreadableError
from lab.symbols.memory import read_number

PIECE = 1 << 20
_FOUR_GIB = 1 << 32
_MEGABYTE = 1 << 20
_MODULE_LIST, _PROCESS_LIST, _PAGE_DATABASE, _MEMORY_BLOCK = 0x48, 0x50, 0xC0, 0x270
_CONTEXT_FLAGS = 0x10001F
"""CONTEXT_AMD64: everything but floating point."""
_LIVE_SYSTEM_DUMP = 0x161


@dataclass(frozen=True)
class Wrapped:
    """What was written."""

    path: Path
    pages: int
    notes: tuple[str, ...]
    """What could not be told, a sentence each."""


def wrap_memory(core: Path, facts: KernelFacts, target: Path) -> Wrapped:
    """Write `target`, a full dump of the memory in `core`, as QEMU's dump-guest-memory (ELF, no paging) writes it.

    Takes as much disk as there is memory that is not zero. Raises BadDumpError for a damaged core, UsageError when it
    cannot be read, InfrastructureError when the dump cannot be written.
    """
    return _Wrapping(ElfCore(DumpFile.open(core)), facts).write(target)


class _Wrapping:
    def __init__(self, core: ElfCore, facts: KernelFacts) -> None:
        self._core = core
        self._facts = facts
        self._notes: list[str] = []
        crashed = core.processors[facts.crashed] if facts.crashed < len(core.processors) else None
        self._directory = facts.directory if facts.directory is not None else crashed.directory if crashed else 0
        self._memory = VirtualMemory(core, self._directory, crashed.levels if crashed else 4)
        self._contexts = self._all_contexts()

    def write(self, target: Path) -> Wrapped:
        blocks = self._blocks()
        runs = [Run(each.address // PAGE, each.size // PAGE) for each in blocks]
        changes = self._changes()
        partial = target.with_name(f"{target.name}.partial")
        try:
            with partial.open("wb") as file:
                file.write(self._header(runs))
                for block in blocks:
                    _copy(self._core, block, changes, file)
                file.truncate()
            partial.replace(target)
        except OSError as error:
            raise InfrastructureError(f"cannot write {target}: {error.strerror}") from error
        finally:
            partial.unlink(missing_ok=True)
        return Wrapped(target, sum(each.count for each in runs), tuple(self._notes))

    # --- which memory ---

    def _blocks(self) -> list[Block]:
        wanted = self._kernels_runs()
        if not wanted:
            self._notes.append("the kernel does not tell which pages are memory: taken from where they lie")
            wanted = list(_main_memory(self._core.blocks))
        blocks = sorted(_common(self._core.blocks, wanted), key=lambda each: each.address)
        missing = sum(each.count for each in wanted) - sum(each.size for each in blocks) // PAGE
        if missing:
            self._notes.append(f"{missing:,} pages that the kernel has are not in what QEMU wrote")
        if len(blocks) > MAX_RUNS:
            kept = sorted(sorted(blocks, key=lambda each: -each.size)[:MAX_RUNS], key=lambda each: each.address)
            self._notes.append(
                f"{len(blocks) - MAX_RUNS} pieces of memory are left out: the header has no room for more"
            )
            blocks = kept
        return blocks

    def _kernels_runs(self) -> list[Run]:
        """MmPhysicalMemoryBlock."""
        try:
            block = read_number(self._memory.read, self._field(_MEMORY_BLOCK))
            count = read_number(self._memory.read, block, 4)
            raw = self._memory.read(block + 16, min(count, MAX_RUNS) * 16)
        except UnreadableError:
            return []
        return [Run(*each) for each in struct.iter_unpack("<QQ", raw[: len(raw) // 16 * 16])]

    # --- the header ---

    def _header(self, runs: list[Run]) -> bytes:
        facts = self._facts
        raw = bytearray(b"PAGE" * (header.SIZE // 4))
        raw[: len(header.SIGNATURE)] = header.SIGNATURE
        struct.pack_into("<II", raw, header.VERSION_AT, *facts.version)
        modules = facts.module_list or self._field(_MODULE_LIST)
        pages, processes = self._value(_PAGE_DATABASE), self._field(_PROCESS_LIST)
        struct.pack_into("<4Q", raw, header.DIRECTORY_AT, self._directory, pages, modules, processes)
        code, parameters = (
            (facts.bugcheck.code, facts.bugcheck.parameters) if facts.bugcheck else (_LIVE_SYSTEM_DUMP, (0, 0, 0, 0))
        )
        struct.pack_into("<III4x4Q", raw, header.MACHINE_AT, 0x8664, len(self._core.processors), code, *parameters)
        struct.pack_into("<Q", raw, header.DEBUGGER_DATA_AT, facts.debugger_data)
        struct.pack_into("<I4xQ", raw, header.RUNS_AT, len(runs), sum(each.count for each in runs))
        for i, run in enumerate(runs):
            struct.pack_into("<QQ", raw, header.RUNS_AT + 16 + i * 16, run.page, run.count)
        context = self._contexts.get(facts.crashed)
        raw[header.CONTEXT_AT : header.CONTEXT_AT + CONTEXT_SIZE] = (
            context.raw[:CONTEXT_SIZE] if context else bytes(CONTEXT_SIZE)
        )
        struct.pack_into("<152s", raw, header.EXCEPTION_AT, b"")
        struct.pack_into("<I", raw, header.TYPE_AT, 1)
        size = header.SIZE + sum(each.count for each in runs) * PAGE
        ticks = int((datetime.now(UTC) - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000
        struct.pack_into(
            "<QQ128sQ", raw, header.SPACE_AT, size, ticks, b"memory of a virtual machine, taken by its host", 0
        )
        struct.pack_into("<IIIII", raw, 0x1038, 0, 0, 0, 0, 0)
        return bytes(raw)

    def _field(self, offset: int) -> int:
        """A field of the debugger data; 0 when it cannot be read."""
        try:
            return (
                read_number(self._memory.read, self._facts.debugger_data + offset) if self._facts.debugger_data else 0
            )
        except UnreadableError:
            return 0

    def _value(self, offset: int) -> int:
        """The variable whose address a field of the debugger data has; 0 when it cannot be read."""
        try:
            return read_number(self._memory.read, self._field(offset))
        except UnreadableError:
            return 0

    # --- the processors ---

    def _all_contexts(self) -> dict[int, Context]:
        empty = Context(Machine.AMD64, struct.pack("<48xI", _CONTEXT_FLAGS).ljust(1232, b"\0"))
        return {
            number: self._facts.contexts.get(number) or empty.with_registers(each.registers)
            for number, each in enumerate(self._core.processors)
        }

    def _changes(self) -> dict[int, bytes]:
        """Bytes by physical address: each processor's registers, where debuggers look for them. The kernel itself
        would have saved them there, had it come to write a dump."""
        block = read_block(self._memory, self._facts.debugger_data)
        if block is None:
            self._notes.append("the kernel's debugger data cannot be read: debuggers will see one processor")
            return {}
        changes = {}
        for number, context in self._contexts.items():
            try:
                processor = read_number(self._memory.read, block.processor_block + number * 8)
                place = read_number(self._memory.read, processor + block.processor_context)
            except UnreadableError:
                place = 0
            for at, data in _by_page(place, context.raw[:CONTEXT_SIZE]) if place else ():
                physical = self._memory.translate(at)
                if physical is not None:
                    changes[physical] = data
        return changes


def _by_page(address: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        count = min(len(data) - at, PAGE - (address + at) % PAGE)
        yield address + at, data[at : at + count]
        at += count


def _main_memory(blocks: Iterable[Block]) -> Iterator[Run]:
    """Memory from 0 on, with holes in the first megabyte, and all above 4 GiB: other blocks are devices'."""
    end = 0
    for each in blocks:
        if each.address == end or each.address <= _MEGABYTE or each.address >= _FOUR_GIB:
            yield Run(each.address // PAGE, each.size // PAGE)
            end = each.end


def _common(blocks: Iterable[Block], runs: Iterable[Run]) -> Iterator[Block]:
    """The parts of blocks that lie in runs."""
    for run in runs:
        for block in blocks:
            start = max(block.address, run.page * PAGE)
            end = min(block.end, (run.page + run.count) * PAGE)
            start, end = -(-start // PAGE) * PAGE, end // PAGE * PAGE
            if start < end:
                yield Block(start, end - start, block.offset + start - block.address)


def _copy(core: ElfCore, block: Block, changes: Mapping[int, bytes], file: BinaryIO) -> None:
    """Append a block with its changes; what is zero takes no room."""
    for start in range(block.address, block.end, PIECE):
        count = min(PIECE, block.end - start)
        data = core.read(start, count).ljust(count, b"\0")
        inside = {at - start: new for at, new in changes.items() if start <= at < start + count}
        if inside:
            changed = bytearray(data)
            for at, new in inside.items():
                changed[at : at + len(new)] = new
            data = bytes(changed)
        if data.count(0) == count:
            file.seek(count, 1)
        else:
            file.write(data)
