"""Kernel dumps that hold physical memory: full, kernel and active ones, old and new."""

from __future__ import annotations

from lab.crash.debugger_block import Processor, current_process, read_block, read_processors
from lab.crash.dump_file import DumpFile
from lab.crash.kernel_header import SIZE, TYPE_AT, KernelHeader, Run
from lab.crash.kernel_scene import header_facts, read_unloaded, scene_module, system_words
from lab.crash.paging import kernel_memory
from lab.crash.physical import MAX_RANGES, PAGE, PageBitmap, PageRuns, Pages, PhysicalMemory
from lab.crash.process_name import find_name
from lab.crash.scene import Memory, NoMemory, Scene, SceneThread
from lab.kd.modules import read_modules
from lab.kd.state_change import Machine

FULL, SUMMARY, TRIAGE, BITMAP, LIVE, AUTOMATIC = 1, 2, 4, 5, 6, 7
KERNEL_RANGES, KERNEL_AND_USER_RANGES, COMPLETE_RANGES = 8, 9, 10
_WORDS = {
    FULL: "full memory dump",
    SUMMARY: "kernel memory dump (summary)",
    BITMAP: "memory dump with a bitmap",
    LIVE: "live kernel dump",
    AUTOMATIC: "automatic memory dump",
    KERNEL_RANGES: "kernel memory dump (page ranges)",
    KERNEL_AND_USER_RANGES: "kernel and user memory dump (page ranges)",
    COMPLETE_RANGES: "complete memory dump (page ranges)",
}
_BITMAP_WORDS = {b"FDMP": "full memory dump with a bitmap", b"SDMP": "kernel or active memory dump with a bitmap"}
MAX_BITMAP = 64 << 20
"""Bytes: enough for 2 TiB of memory."""


def read_kernel_dump(file: DumpFile, header: KernelHeader) -> Scene:
    """Raises BadDumpError."""
    if header.kind not in _WORDS:
        raise file.bad(
            TYPE_AT, f"dump type {header.kind} is none that is known ({', '.join(map(str, sorted(_WORDS)))})"
        )
    pages = _pages(file, header)
    notes = _completeness(file, pages)
    memory: Memory = NoMemory()
    if header.machine_name == "AMD64":
        memory = kernel_memory(PhysicalMemory(file, pages), header.directory, header.module_list)
        if pages.offset(header.directory // PAGE) is None:
            notes.append(f"the page tables at {header.directory:#x} are not in the dump: no virtual memory can be read")
    else:
        notes.append(f"page tables of {header.machine_name} are not read: no stacks, no modules")
    return _scene(file, header, pages, memory, notes)


def _scene(file: DumpFile, header: KernelHeader, pages: Pages, memory: Memory, notes: list[str]) -> Scene:
    loaded = read_modules(memory.read, Machine.AMD64, header.module_list)
    if not loaded:
        notes.append(f"the list of modules at {header.module_list:#x} cannot be read")
    block = read_block(memory, header.debugger_data)
    processors: list[Processor] = []
    unloaded, process = [], ""
    if block is None:
        notes.append("the kernel's debugger data is not there or encoded: one processor is known, no unloaded modules")
    else:
        processors = read_processors(memory, block, header.processors)
        unloaded = read_unloaded(memory, block.unloaded_drivers)
        crashed = next((each for each in processors if _is_crashed(each, header)), None)
        process = find_name(current_process(memory, block, crashed.block)) if crashed else ""
        if process:
            notes.append(f"the process's name {process} is what looked like one in its EPROCESS")
    kind = _words(file, header)
    return Scene(
        source=f"{kind} {file.path.name}",
        machine=header.machine_name,
        memory=memory,
        time=header.time,
        system=system_words(header),
        process=process,
        bugcheck=header.bugcheck,
        exception=header.exception,
        modules=(*(scene_module(each, memory) for each in loaded), *unloaded),
        threads=_threads(header, processors),
        notes=tuple(notes),
        facts={
            "kind": kind,
            "file size": f"{file.size:,} bytes",
            "memory kept": f"{pages.count:,} pages ({pages.count * PAGE >> 10:,} KiB)",
            **header_facts(header),
        },
    )


def _is_crashed(processor: Processor, header: KernelHeader) -> bool:
    return (
        processor.context is not None
        and header.context is not None
        and processor.context["rsp"] == header.context["rsp"]
    )


def _threads(header: KernelHeader, processors: list[Processor]) -> tuple[SceneThread, ...]:
    """The one that crashed first, as the header has it."""
    crashed = next((each for each in processors if _is_crashed(each, header)), None)
    threads = []
    if header.context is not None:
        label = f"processor {crashed.number}" if crashed else "the processor that crashed"
        threads.append(SceneThread(label, header.context.registers, faulting=header.bugcheck is not None))
    threads += [
        SceneThread(f"processor {each.number}", each.context.registers)
        for each in processors
        if each is not crashed and each.context is not None
    ]
    return tuple(threads)


def _words(file: DumpFile, header: KernelHeader) -> str:
    if header.kind in (BITMAP, LIVE, AUTOMATIC):
        return _BITMAP_WORDS.get(file.read(SIZE, 4), _WORDS[header.kind])
    return _WORDS[header.kind]


def _pages(file: DumpFile, header: KernelHeader) -> Pages:
    if header.kind == FULL:
        return PageRuns(file, header.runs, SIZE)
    if header.kind in (KERNEL_RANGES, KERNEL_AND_USER_RANGES, COMPLETE_RANGES):
        return _ranges(file, header.kind)
    # Two layouts go by that number: the newer one has the first page's offset here, the older one nothing.
    is_old = header.kind == SUMMARY and not file.read(SIZE + 0x20, 8).strip(b"\0PAGE")
    return _summary(file) if is_old else _bitmap(file)


def _bitmap(file: DumpFile) -> PageBitmap:
    """BMP_HEADER64, Windows 8 and later."""
    tag, valid, first, _, bits = file.unpack("<4s4s24xQQQ", SIZE, "the bitmap's header")
    if tag not in _BITMAP_WORDS or valid != b"DUMP":
        raise file.bad(SIZE, f"the bitmap's header begins with {tag + valid!r}, not SDMPDUMP or FDMPDUMP")
    return _bitmap_at(file, SIZE + 0x38, bits, first)


def _summary(file: DumpFile) -> PageBitmap:
    """SUMMARY_DUMP64, before Windows 8."""
    tag, valid, _, first, bits, count = file.unpack("<4s4sIIII", SIZE, "the summary's header")
    if (tag, valid) != (b"SDMP", b"DUMP"):
        raise file.bad(SIZE, f"the summary's header begins with {tag + valid!r}, not SDMPDUMP")
    pages = _bitmap_at(file, SIZE + 0x28, bits, first)
    if pages.count != count:
        raise file.bad(SIZE + 0x28, f"the bitmap has {pages.count} pages, its header says {count}")
    return pages


def _bitmap_at(file: DumpFile, at: int, bits: int, first: int) -> PageBitmap:
    size = (bits + 7) // 8
    if size > MAX_BITMAP:
        raise file.bad(at, f"a bitmap of {size:#x} bytes, for {bits * PAGE >> 40} TiB of memory")
    if first < at + size:
        raise file.bad(at, f"the bitmap ends at {at + size:#x}, behind the first page at {first:#x}")
    bitmap = file.take(at, size, "the bitmap of pages")
    if bits % 8:
        bitmap = bitmap[:-1] + bytes([bitmap[-1] & (1 << bits % 8) - 1])
    return PageBitmap(bitmap, first)


def _ranges(file: DumpFile, kind: int) -> PageRuns:
    """RDMP_HEADER64, Windows 11: ranges of pages; a page number of 0 ends them."""
    tag, size, first = file.unpack("<4x8s4xQQ", SIZE, "the ranges' header")
    if tag != b"RDMPDUMP":
        raise file.bad(SIZE, f"the header of the page ranges has {tag!r}, not RDMPDUMP")
    if size > MAX_RANGES * 16:
        raise file.bad(SIZE + 0x10, f"page ranges of {size:#x} bytes")
    total = file.unpack("<Q", SIZE + 0x28, "the number of pages")[0] if kind == COMPLETE_RANGES else None
    raw = file.take(SIZE + 0x30, min(size, max(first - SIZE - 0x30, 0)), "the page ranges")
    runs: list[Run] = []
    kept = 0
    for at in range(0, len(raw) - 15, 16):
        page, count = (int.from_bytes(raw[at + i : at + i + 8], "little") for i in (0, 8))
        if page == 0 or (total is not None and kept >= total):
            break
        runs.append(Run(page, count))
        kept += count
    return PageRuns(file, runs, first)


def _completeness(file: DumpFile, pages: Pages) -> list[str]:
    if pages.end <= file.size:
        return []
    lost = (pages.end - file.size + PAGE - 1) // PAGE
    return [f"the file was cut off: it ends at {file.size:#x}, its last {lost:,} of {pages.count:,} pages are missing"]
