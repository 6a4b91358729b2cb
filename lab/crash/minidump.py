"""User-mode minidumps: threads, modules and memory of one process, from Windows, Wine, or another system."""

from __future__ import annotations

from collections.abc import Mapping

from lab.crash.dump_file import DumpFile
from lab.crash.kernel_header import exception_record
from lab.crash.minidump_streams import ModuleEntry, Streams, SystemInfo
from lab.crash.scene import Scene, SceneModule, SceneThread
from lab.crash.segments import Segment, SegmentMemory
from lab.kd.context import decode_context
from lab.kd.state_change import Machine

_MACHINES = {0: "I386", 5: "ARM", 6: "IA64", 9: "AMD64", 12: "ARM64", 0x8003: "ARM64"}
_PLATFORMS = {2: "Windows", 0x8101: "macOS", 0x8102: "iOS", 0x8201: "Linux", 0x8203: "Android", 0x8205: "Fuchsia"}
_WINDOWS = 2
MAX_COMMENT = 200


def read_minidump(file: DumpFile) -> Scene:
    """Raises BadDumpError."""
    streams = Streams(file)
    notes: list[str] = []
    system = streams.system()
    machine = _MACHINES.get(system.architecture, f"architecture {system.architecture}") if system else "unknown"
    if system is None:
        notes.append("the dump does not say of which machine and system it is")
    elif system.platform != _WINDOWS:
        notes.append("not from Windows: stacks are guessed, functions are not named")
    modules = [_module(each, unloaded=False) for each in streams.modules()]
    memory = SegmentMemory(file, _kept(file, streams, notes))
    exception = streams.exception()
    record = exception_record(exception[1], 0) if exception else None
    if not modules:
        notes.append("the dump has no list of modules")
    return Scene(
        source=f"user-mode minidump {file.path.name}",
        machine=machine,
        memory=memory,
        time=streams.time,
        system=_system_words(system),
        process=modules[0].name if modules else "",
        exception=record,
        modules=(*modules, *(_module(each, unloaded=True) for each in streams.unloaded())),
        threads=_threads(streams, machine, exception, notes),
        notes=tuple(notes),
        facts=_facts(file, streams, memory),
    )


def _facts(file: DumpFile, streams: Streams, memory: SegmentMemory) -> Mapping[str, str]:
    facts = {
        "kind": "user-mode minidump",
        "file size": f"{file.size:,} bytes",
        "memory kept": f"{memory.size >> 10:,} KiB in {len(memory.segments):,} pieces",
    }
    process = streams.process()
    if process is not None:
        facts["process id"] = f"{process} ({process:#x})"
    comment = streams.comment()
    return facts | ({"comment": comment[:MAX_COMMENT]} if comment else {})


def _system_words(system: SystemInfo | None) -> str:
    if system is None:
        return ""
    major, minor, build = system.version
    name = _PLATFORMS.get(system.platform, f"platform {system.platform:#x}")
    number = f"{major}.{minor}.{build}" if major else ""
    more = system.service_pack.removeprefix(f"{name} ")
    words = " ".join(each for each in (name, number, more) if each)
    return f"{words}, {system.processors} processor{'' if system.processors == 1 else 's'}"


def _module(entry: ModuleEntry, *, unloaded: bool) -> SceneModule:
    name = entry.path.replace("/", "\\").rpartition("\\")[2] or f"module-{entry.base:x}"
    return SceneModule(
        name,
        entry.path,
        entry.base,
        entry.size,
        entry.timestamp or None,
        entry.checksum or None,
        entry.pdb,
        unloaded,
    )


def _threads(
    streams: Streams, machine: str, exception: tuple[int, bytes, bytes] | None, notes: list[str]
) -> tuple[SceneThread, ...]:
    """The one with the exception first, with the registers that the exception met."""
    if machine not in Machine.__members__:
        notes.append(f"registers of {machine} are not read: no stacks")
        return ()
    names = streams.thread_names()
    crashed, met = (exception[0], exception[2]) if exception else (None, b"")
    threads, unreadable = [], 0
    entries = list(streams.threads())
    if crashed is not None and all(each.identity != crashed for each in entries):
        notes.append(f"thread {crashed:#x}, which had the exception, is not in the list of threads")
    for entry in sorted(entries, key=lambda each: each.identity != crashed):
        faulting = entry.identity == crashed
        context = decode_context(met if faulting and met else entry.context, Machine[machine])
        if context is None:
            unreadable += 1
            continue
        name = names.get(entry.identity, "")
        label = f"thread {entry.identity:#x}" + (f" ({name})" if name else "")
        threads.append(SceneThread(label, context.registers, faulting))
    if unreadable:
        notes.append(f"the registers of {unreadable} threads are not in the file")
    return tuple(threads)


def _kept(file: DumpFile, streams: Streams, notes: list[str]) -> list[Segment]:
    listed = list(streams.memory())
    kept = [each for each in listed if each.offset + each.size <= file.size]
    if len(kept) < len(listed):
        notes.append(f"{len(listed) - len(kept)} of {len(listed)} pieces of memory lie behind the end of the file")
    return kept
