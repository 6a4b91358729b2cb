"""NTSTATUS values by name, as far as crashes of drivers show them, and exceptions in words.

Names and values: [MS-ERREF] 2.3.1, NTSTATUS values.
"""

from __future__ import annotations

from lab.crash.scene import ExceptionRecord, Memory
from lab.document import printable

ACCESS_VIOLATION = 0xC0000005
IN_PAGE_ERROR = 0xC0000006
WINE_STUB = 0x80000100
"""Wine's own: a routine was called that the image imports, and Wine does not have. Parameters: where the names of its
DLL and of the routine are; a number below 0x10000 is an ordinal."""
MAX_ROUTINE = 128
_OPERATIONS = {0: "reading", 1: "writing", 2: "executing", 8: "executing", 0x10: "executing"}

STATUSES = {
    0x00000000: "STATUS_SUCCESS",
    0x00000102: "STATUS_TIMEOUT",
    0x00000103: "STATUS_PENDING",
    0x40010005: "DBG_CONTROL_C",
    0x80000001: "STATUS_GUARD_PAGE_VIOLATION",
    0x80000002: "STATUS_DATATYPE_MISALIGNMENT",
    0x80000003: "STATUS_BREAKPOINT",
    0x80000004: "STATUS_SINGLE_STEP",
    0x80000005: "STATUS_BUFFER_OVERFLOW",
    0xC0000001: "STATUS_UNSUCCESSFUL",
    0xC0000002: "STATUS_NOT_IMPLEMENTED",
    0xC0000005: "STATUS_ACCESS_VIOLATION",
    0xC0000006: "STATUS_IN_PAGE_ERROR",
    0xC0000008: "STATUS_INVALID_HANDLE",
    0xC000000D: "STATUS_INVALID_PARAMETER",
    0xC000000E: "STATUS_NO_SUCH_DEVICE",
    0xC000000F: "STATUS_NO_SUCH_FILE",
    0xC0000010: "STATUS_INVALID_DEVICE_REQUEST",
    0xC0000017: "STATUS_NO_MEMORY",
    0xC000001D: "STATUS_ILLEGAL_INSTRUCTION",
    0xC0000022: "STATUS_ACCESS_DENIED",
    0xC0000023: "STATUS_BUFFER_TOO_SMALL",
    0xC0000024: "STATUS_OBJECT_TYPE_MISMATCH",
    0xC0000025: "STATUS_NONCONTINUABLE_EXCEPTION",
    0xC0000026: "STATUS_INVALID_DISPOSITION",
    0xC0000027: "STATUS_UNWIND",
    0xC0000028: "STATUS_BAD_STACK",
    0xC0000034: "STATUS_OBJECT_NAME_NOT_FOUND",
    0xC0000046: "STATUS_MUTANT_NOT_OWNED",
    0xC000008C: "STATUS_ARRAY_BOUNDS_EXCEEDED",
    0xC000008E: "STATUS_FLOAT_DIVIDE_BY_ZERO",
    0xC0000090: "STATUS_FLOAT_INVALID_OPERATION",
    0xC0000094: "STATUS_INTEGER_DIVIDE_BY_ZERO",
    0xC0000095: "STATUS_INTEGER_OVERFLOW",
    0xC0000096: "STATUS_PRIVILEGED_INSTRUCTION",
    0xC000009A: "STATUS_INSUFFICIENT_RESOURCES",
    0xC000009C: "STATUS_DEVICE_DATA_ERROR",
    0xC000009D: "STATUS_DEVICE_NOT_CONNECTED",
    0xC00000B5: "STATUS_IO_TIMEOUT",
    0xC00000BB: "STATUS_NOT_SUPPORTED",
    0xC00000E5: "STATUS_INTERNAL_ERROR",
    0xC00000FD: "STATUS_STACK_OVERFLOW",
    0xC0000120: "STATUS_CANCELLED",
    0xC000012D: "STATUS_COMMITMENT_LIMIT",
    0xC0000138: "STATUS_ORDINAL_NOT_FOUND",
    0xC0000139: "STATUS_ENTRYPOINT_NOT_FOUND",
    0xC0000142: "STATUS_DLL_INIT_FAILED",
    0xC000016A: "STATUS_DISK_OPERATION_FAILED",
    0xC0000184: "STATUS_INVALID_DEVICE_STATE",
    0xC0000185: "STATUS_IO_DEVICE_ERROR",
    0xC0000191: "STATUS_MUTANT_LIMIT_EXCEEDED",
    0xC00001AD: "STATUS_FATAL_MEMORY_EXHAUSTION",
    0xC0000194: "STATUS_POSSIBLE_DEADLOCK",
    0xC0000218: "STATUS_CANNOT_LOAD_REGISTRY_FILE",
    0xC000021A: "STATUS_SYSTEM_PROCESS_TERMINATED",
    0xC0000221: "STATUS_IMAGE_CHECKSUM_MISMATCH",
    0xC0000263: "STATUS_DRIVER_ENTRYPOINT_NOT_FOUND",
    0xC0000354: "STATUS_DEBUGGER_INACTIVE",
    0xC0000374: "STATUS_HEAP_CORRUPTION",
    0xC0000409: "STATUS_STACK_BUFFER_OVERRUN",
    0xC0000417: "STATUS_INVALID_CRUNTIME_PARAMETER",
    0xC0000420: "STATUS_ASSERTION_FAILURE",
    0xE06D7363: "C++ exception",
}


def status_name(value: int) -> str:
    """`STATUS_ACCESS_VIOLATION`, or the number. Values may come extended to 64 bits by their sign."""
    return STATUSES.get(value & 0xFFFFFFFF) or f"{value & 0xFFFFFFFF:#010x}"


def exception_name(code: int) -> str:
    """`STATUS_ACCESS_VIOLATION (0xc0000005)`, for headlines."""
    name = STATUSES.get(code & 0xFFFFFFFF)
    return f"{name} ({code & 0xFFFFFFFF:#010x})" if name else f"exception {code & 0xFFFFFFFF:#010x}"


def missing_routine(record: ExceptionRecord, memory: Memory) -> str:
    """`ntoskrnl.exe!IoCreateNothing`, when that was called and the guest does not have it; else empty."""
    if record.code != WINE_STUB or len(record.parameters) < 2:
        return ""
    dll, routine = record.parameters[:2]
    name = f"#{routine}" if routine < 0x10000 else _string(memory, routine)
    return f"{_string(memory, dll) or 'a DLL'}!{name}" if name else "a routine"


def _string(memory: Memory, address: int) -> str:
    raw = memory.read(address, MAX_ROUTINE).split(b"\0")[0]
    return printable(raw.decode("ascii", "replace"), MAX_ROUTINE)


def exception_text(record: ExceptionRecord) -> str:
    """`access violation writing 0x0`: what an EXCEPTION_RECORD says."""
    if record.code in (ACCESS_VIOLATION, IN_PAGE_ERROR) and len(record.parameters) >= 2:
        what = "access violation" if record.code == ACCESS_VIOLATION else "page that could not be read, while"
        return f"{what} {_OPERATIONS.get(record.parameters[0], 'accessing')} {record.parameters[1]:#x}"
    if record.code == WINE_STUB:
        return "call of a routine that the driver imports, and this guest does not have"
    name = STATUSES.get(record.code & 0xFFFFFFFF)
    words = name.removeprefix("STATUS_").replace("_", " ").lower() if name else f"exception {record.code:#010x}"
    return words if not record.parameters else f"{words} ({', '.join(f'{each:#x}' for each in record.parameters[:4])})"
