"""Calls of a stack as a person reads them: also those that the compiler put inline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lab.document import printable
from lab.symbols.symbols import Place
from lab.symbols.unwind import Frame, How

MAX_NAME = 200

_SYSTEM = {
    "hal", "ntdll", "kernel32", "kernelbase", "winedevice", "ucrtbase", "msvcrt", "kdcom", "verifier", "verifierext",
    "wdf01000", "ci", "fltmgr", "sechost", "advapi32", "rpcrt4", "setupapi", "ksecdd", "version",
}  # fmt: skip
_KERNELS = ("ntoskrnl", "ntkrnl", "ntkrpamp", "ntkrla57")
_HELPERS = {
    "memcpy", "memmove", "memset", "memcmp", "RtlFailFast", "__chkstk", "___chkstk_ms", "__report_gsfailure",
    "__report_rangecheckfailure", "__GSHandlerCheck", "__C_specific_handler", "__security_check_cookie",
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One call: a frame of the stack, or a function that is inlined into the frame that follows."""

    address: int
    """Where it goes on."""
    stack: int
    how: How
    module: str
    """Without suffix; empty when no module lies there."""
    module_offset: int
    function: str
    """Empty when it has no name."""
    offset: int
    """Bytes from the function's beginning; 0 for an inlined one."""
    file: str = ""
    line: int = 0
    inlined: bool = False

    @property
    def guessed(self) -> bool:
        return self.how in (How.FRAME_POINTER, How.SCANNED)

    @property
    def is_system(self) -> bool:
        """Of the kernel, or of what hosts the driver; also a helper of the compiler's: not the driver's own doing."""
        name = self.module.lower()
        return not name or name in _SYSTEM or name.startswith(_KERNELS) or self.function in _HELPERS

    @property
    def name(self) -> str:
        """`driver!Function`, `driver+0x1234` or the bare address: the same wherever the driver is loaded."""
        if not self.module:
            return f"{self.address:#x}"
        if self.function:
            return f"{printable(self.module, MAX_NAME)}!{printable(self.function, MAX_NAME)}"
        return f"{printable(self.module, MAX_NAME)}+{self.module_offset:#x}"

    @property
    def where(self) -> str:
        """`file.c:12`, or nothing."""
        return f"{printable(self.file, MAX_NAME)}:{self.line}" if self.file else ""

    def __str__(self) -> str:
        offset = f"+{self.offset:#x}" if self.function and self.offset else ""
        inline = " (inlined)" if self.inlined else ""
        return f"{self.name}{offset}{inline}" + (f" [{self.where}]" if self.where else "")

    def to_json(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "stack": self.stack,
            "how": self.how.value,
            "module": printable(self.module, MAX_NAME),
            "module_offset": self.module_offset,
            "function": printable(self.function, MAX_NAME),
            "offset": self.offset,
            "file": printable(self.file, MAX_NAME),
            "line": self.line,
            "inlined": self.inlined,
        }


def calls_of(frames: Iterable[Frame]) -> list[Call]:
    """The calls of a stack, innermost first."""
    return [call for frame in frames for call in calls_at(frame.place, frame.address, frame.stack, frame.how)]


def calls_at(place: Place, address: int, stack: int = 0, how: How = How.STOPPED) -> Iterator[Call]:
    """The function at a place, after those that are inlined there."""
    module = place.module.name if place.module else ""
    base = place.module.base if place.module else 0
    for line in place.lines[:-1]:
        yield Call(address, stack, how, module, address - base, line.function, 0, line.file, line.line, inlined=True)
    line_here = place.lines[-1] if place.lines else None
    function = place.function.name if place.function else ""
    yield Call(
        address,
        stack,
        how,
        module,
        address - base if place.module else 0,
        function,
        address - base - place.function.rva if place.function else 0,
        line_here.file if line_here else "",
        line_here.line if line_here else 0,
    )


def first_of_driver(calls: Sequence[Call]) -> int | None:
    """Position of the innermost call that is a driver's own; None when there is none."""
    return next((i for i, call in enumerate(calls) if not call.is_system), None)
