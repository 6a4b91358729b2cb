"""The first 8 KiB of a 64-bit kernel dump: what died, where its page tables and its module list are.

Layout: DUMP_HEADER64, as the debuggers' extension headers and kdmp-parser describe it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lab.crash.dump_file import DumpFile
from lab.crash.scene import ExceptionRecord
from lab.kd.bugcheck import Bugcheck
from lab.kd.context import Context, decode_context
from lab.kd.state_change import Machine

SIGNATURE = b"PAGEDU64"
SIGNATURE_32 = b"PAGEDUMP"
SIZE = 0x2000
MACHINES = {0x8664: "AMD64", 0xAA64: "ARM64", 0x14C: "I386", 0x200: "IA64"}
MAX_RUNS = 42
"""As many as fit into the header."""
CONTEXT_SIZE = 0x4D0
_FILLER = 0x45474150
"""`PAGE`: what the kernel fills a header with first."""
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)

SIGNATURE_AT, VERSION_AT, DIRECTORY_AT, MACHINE_AT, BUGCHECK_AT, PARAMETERS_AT = 0x0, 0x8, 0x10, 0x30, 0x38, 0x40
DEBUGGER_DATA_AT, RUNS_AT, CONTEXT_AT, EXCEPTION_AT, TYPE_AT = 0x80, 0x88, 0x348, 0xF00, 0xF98
SPACE_AT, TIME_AT, COMMENT_AT, UP_TIME_AT, PRODUCT_AT = 0xFA0, 0xFA8, 0xFB0, 0x1030, 0x1040


@dataclass(frozen=True, slots=True)
class Run:
    """Physical pages one behind the other."""

    page: int
    count: int


@dataclass(frozen=True, slots=True)
class KernelHeader:
    """What the header says. Addresses are virtual, but for `directory`."""

    version: tuple[int, int]
    """15 (free) or 12 (checked), and the build number."""
    directory: int
    """Physical address of the page tables: CR3."""
    module_list: int
    machine: int
    processors: int
    bugcheck: Bugcheck | None
    debugger_data: int
    runs: tuple[Run, ...]
    """Empty when the header has none, as those of dumps with a bitmap."""
    context: Context | None
    exception: ExceptionRecord | None
    kind: int
    time: datetime | None
    up_time: timedelta | None
    product: int
    comment: str

    @property
    def machine_name(self) -> str:
        return MACHINES.get(self.machine, f"machine {self.machine:#x}")


def read_header(file: DumpFile) -> KernelHeader:
    """Raises BadDumpError."""
    raw = file.take(0, SIZE, "the header of a kernel dump")
    major, minor = struct.unpack_from("<II", raw, VERSION_AT)
    directory, _, modules, _ = struct.unpack_from("<4Q", raw, DIRECTORY_AT)
    machine, processors, code = struct.unpack_from("<III", raw, MACHINE_AT)
    if machine not in MACHINES:
        raise file.bad(MACHINE_AT, f"the machine type is {machine:#x}, which is none that Windows runs on")
    parameters = struct.unpack_from("<4Q", raw, PARAMETERS_AT)
    (debugger_data,) = struct.unpack_from("<Q", raw, DEBUGGER_DATA_AT)
    (kind,) = struct.unpack_from("<I", raw, TYPE_AT)
    (time,) = struct.unpack_from("<Q", raw, TIME_AT)
    (up_time,) = struct.unpack_from("<Q", raw, UP_TIME_AT)
    (product,) = struct.unpack_from("<I", raw, PRODUCT_AT)
    comment = raw[COMMENT_AT : COMMENT_AT + 128].split(b"\0", 1)[0]
    context = decode_context(raw[CONTEXT_AT : CONTEXT_AT + CONTEXT_SIZE], Machine.AMD64) if machine == 0x8664 else None
    return KernelHeader(
        version=(major, minor),
        directory=directory,
        module_list=_given(modules),
        machine=machine,
        processors=processors,
        bugcheck=Bugcheck(code, parameters) if code not in (0, _FILLER) else None,
        debugger_data=_given(debugger_data),
        runs=_runs(file, raw) if kind == 1 else (),
        context=context if context is not None and context["rip"] else None,
        exception=exception_record(raw, EXCEPTION_AT),
        kind=kind,
        time=file_time(time),
        up_time=_duration(up_time),
        product=product,
        comment="" if comment.startswith(b"PAGE") else comment.decode("latin-1"),
    )


def exception_record(raw: bytes, at: int) -> ExceptionRecord | None:
    """An EXCEPTION_RECORD64; None when nothing was filled in."""
    if len(raw) < at + 0x98:
        return None
    code, flags, _, address, count = struct.unpack_from("<IIQQI", raw, at)
    if code in (0, _FILLER):
        return None
    parameters = struct.unpack_from(f"<{min(count, 15)}Q", raw, at + 0x20)
    return ExceptionRecord(code, flags, address, parameters)


def file_time(value: int) -> datetime | None:
    """A FILETIME: 100 ns since 1601. None for what is none."""
    try:
        return _EPOCH + timedelta(microseconds=value // 10) if 0 < value < 1 << 62 else None
    except OverflowError:
        return None


def _duration(value: int) -> timedelta | None:
    return timedelta(microseconds=value // 10) if 0 < value < 1 << 58 else None


def _given(address: int) -> int:
    return 0 if address == _FILLER << 32 | _FILLER else address


def _runs(file: DumpFile, raw: bytes) -> tuple[Run, ...]:
    count, _ = struct.unpack_from("<IxxxxQ", raw, RUNS_AT)
    if not 0 < count <= MAX_RUNS:
        raise file.bad(RUNS_AT, f"the header claims {count} runs of physical memory, 1 to {MAX_RUNS} fit")
    return tuple(Run(*struct.unpack_from("<QQ", raw, RUNS_AT + 16 + i * 16)) for i in range(count))
