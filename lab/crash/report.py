"""The report of a crash or a hang: what happened, where, and how it came there.

As JSON (version 1, `crash.json`) a report is one object with these fields. Numbers are integers, also addresses; null
or an empty text stands for what is not known.

- `v`: 1
- `headline`: one line
- `signature`: `hash` (8 hexadecimal digits) and `text`, the same for the same fault in each run and build
- `source`, `system`, `machine`, `process`: where the report comes from, in words; `time`: ISO 8601, in UTC
- `bugcheck`: `code`, `name`, `what`, `reference` (an address), and four `parameters`, each with `value`, `meaning`,
  `word` (the value in words) and `place` (what lies at that address)
- `exception`: `code`, `name`, `flags`, `address`, `parameters`, `what`, `place`
- `fault`: the frame that failed; `culprit`: the innermost frame of a driver there
- `stacks`: of each thread or processor `label`, `faulting`, `waits_for` and `frames`
- a frame: `address`, `stack`, `how` (`stopped` or `unwound`; `frame pointer` and `scanned` are guesses), `module`,
  `module_offset`, `function`, `offset`, `file`, `line`, `inlined` (into the frame that follows)
- `registers`: at the fault, by name
- `excerpt`: source around the culprit, each line with `line`, `text` and `here`
- `modules`: `name`, `path`, `base`, `size`, `timestamp`, `unloaded`
- `facts`: more in words, by name; `notes`: what is missing, damaged or was guessed

Fields may be added within a version; what is there keeps its name, type and meaning, or `v` rises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.crash.bugchecks import Explanation, Hint, explain
from lab.crash.call import Call, calls_at, calls_of, first_of_driver
from lab.crash.exceptions import exception_name, missing_routine
from lab.crash.records import read_context, read_exception
from lab.crash.scene import ExceptionRecord, Scene, SceneModule, SceneThread
from lab.crash.signature import Signature, signature_of
from lab.crash.source import Excerpt, excerpt_of
from lab.document import printable
from lab.symbols.symbols import Symbols
from lab.symbols.unwind import unwind

VERSION = 1
MAX_STACKS = 64
MAX_TEXT = 300
_POINTERS = ("rip", "eip")


@dataclass(frozen=True)
class Stack:
    """The calls of one thread or processor, innermost first."""

    label: str
    calls: tuple[Call, ...]
    faulting: bool = False
    waits_for: str = ""


@dataclass(frozen=True)
class CrashReport:
    """A crash or hang, explained."""

    scene: Scene
    bugcheck: Explanation | None
    exception: ExceptionRecord | None
    fault: Call | None
    """Where it failed, as far as that is known."""
    culprit: Call | None
    """The innermost call of a driver there; None when no driver is on the stack."""
    stacks: tuple[Stack, ...]
    """The faulting one first."""
    registers: Mapping[str, int]
    """At the fault."""
    signature: Signature
    missing: str = ""
    """The routine that was called, and the guest does not have; empty when it died of something else."""
    excerpt: tuple[Excerpt, ...] = ()
    notes: tuple[str, ...] = ()
    places: Mapping[int, str] = field(default_factory=dict)
    """What lies at addresses that the report names, by address."""

    @property
    def name(self) -> str:
        """`IRQL_NOT_LESS_OR_EQUAL (0xA)`, `STATUS_ACCESS_VIOLATION (0xc0000005)` or `stopped`."""
        if self.bugcheck is not None:
            is_named = self.bugcheck.is_known
            return f"{self.bugcheck.name} (0x{self.bugcheck.code:X})" if is_named else self.bugcheck.name
        return exception_name(self.exception.code) if self.exception else "stopped"

    @property
    def headline(self) -> str:
        """`IRQL_NOT_LESS_OR_EQUAL (0xA) in my-driver!My_Read read.c:87`."""
        call = self.culprit or self.fault
        name = f"{self.name}, the guest has no {self.missing}," if self.missing else self.name
        if call is None:
            return name.removesuffix(",")
        file = call.file.replace("\\", "/").rsplit("/", 1)[-1]
        line = f" {printable(file)}:{call.line}" if file else ""
        return f"{name} in {call.name}{line}"

    @property
    def faulting(self) -> Stack | None:
        return next((each for each in self.stacks if each.faulting), None)

    def text(self) -> str:
        """The report for people, about a page."""
        from lab.crash.report_text import report_lines

        return "\n".join(report_lines(self)) + "\n"

    def to_json(self) -> dict[str, Any]:
        """The report as JSON, version 1."""
        from lab.crash.report_json import report_object

        return report_object(self)


def make_report(scene: Scene, symbols: Symbols, sources: Iterable[Path] = ()) -> CrashReport:
    """Explain a scene. `sources` are directories in which the files that the PDBs name may lie. Never fails."""
    bugcheck = explain(scene.bugcheck.code, scene.bugcheck.parameters) if scene.bugcheck else None
    notes = list(scene.notes)
    exception = scene.exception or _recorded_exception(scene, bugcheck)
    faulting = scene.faulting
    registers = dict(faulting.registers) if faulting else {}
    recorded = _recorded_registers(scene, bugcheck, symbols)
    if recorded is not None:
        registers = recorded
        notes.append("the registers and the first stack are those of the CONTEXT record that the bug check names")
    stacks = _stacks(scene, symbols, registers)
    calls = next((list(each.calls) for each in stacks if each.faulting), [])
    if not calls and bugcheck is None and exception is None:
        calls = _stuck(stacks)
    from_fault = _from_fault(calls, _fault_address(bugcheck, exception, symbols), symbols)
    at = first_of_driver(from_fault)
    culprit = None if at is None else from_fault[at]
    if any(call.guessed for call in calls):
        notes.append("frames with a question mark are guesses: there was no unwind information for the one before")
    if len(scene.threads) > MAX_STACKS:
        notes.append(f"{len(scene.threads) - MAX_STACKS} more threads are left out")
    return CrashReport(
        scene=scene,
        bugcheck=bugcheck,
        exception=exception,
        fault=from_fault[0] if from_fault else None,
        culprit=culprit,
        stacks=stacks,
        registers=registers,
        signature=signature_of(bugcheck, exception, from_fault),
        missing=missing_routine(exception, scene.memory) if exception else "",
        excerpt=tuple(excerpt_of(culprit, sources)) if culprit else (),
        notes=tuple(printable(each, MAX_TEXT) for each in notes),
        places=_places(scene, symbols, bugcheck, exception),
    )


def _recorded_exception(scene: Scene, bugcheck: Explanation | None) -> ExceptionRecord | None:
    address = bugcheck.of(Hint.RECORD) if bugcheck else None
    return read_exception(scene.memory, address) if address else None


def _recorded_registers(scene: Scene, bugcheck: Explanation | None, symbols: Symbols) -> dict[str, int] | None:
    address = bugcheck.of(Hint.CONTEXT) if bugcheck and scene.machine == "AMD64" else None
    registers = read_context(scene.memory, address) if address else None
    return registers if registers and symbols.module_at(registers["rip"]) else None


def _stacks(scene: Scene, symbols: Symbols, registers: Mapping[str, int]) -> tuple[Stack, ...]:
    threads = sorted(scene.threads, key=lambda each: not each.faulting)[:MAX_STACKS]
    return tuple(_stack(each, registers if each.faulting else each.registers, scene, symbols) for each in threads)


def _stack(thread: SceneThread, registers: Mapping[str, int], scene: Scene, symbols: Symbols) -> Stack:
    is_known = any(name in registers for name in _POINTERS)
    calls = calls_of(unwind(registers, scene.memory.read, symbols)) if is_known else []
    return Stack(printable(thread.label), tuple(calls), thread.faulting, printable(thread.waits_for, MAX_TEXT))


def _stuck(stacks: Iterable[Stack]) -> list[Call]:
    """Of a hang: the stack of the first thread that is in a driver."""
    return next((list(each.calls) for each in stacks if first_of_driver(each.calls) is not None), [])


def _fault_address(bugcheck: Explanation | None, exception: ExceptionRecord | None, symbols: Symbols) -> int | None:
    """The instruction that failed, where somebody names it and a module is there."""
    named = [bugcheck.of(Hint.FAULT) if bugcheck else None, exception.address if exception else None]
    return next((each for each in named if each and symbols.module_at(each)), None)


def _from_fault(calls: Sequence[Call], address: int | None, symbols: Symbols) -> list[Call]:
    """The calls from the fault outwards: what the system did after it, to tell of it, is left out."""
    if address is None:
        return list(calls)
    at = next((i for i, call in enumerate(calls) if call.address == address), None)
    if at is not None:
        return list(calls[at:])
    fault = list(calls_at(symbols.describe(address), address))
    outer = next((i for i, call in enumerate(calls) if not call.is_system and not call.guessed), len(calls))
    same = outer < len(calls) and calls[outer].function == fault[-1].function
    return fault + list(calls[outer + 1 if same else outer :])


def _places(
    scene: Scene, symbols: Symbols, bugcheck: Explanation | None, exception: ExceptionRecord | None
) -> dict[int, str]:
    """Names for the addresses among parameters: of code, and inside of modules, also unloaded ones."""
    addresses = [each.value for each in bugcheck.parameters] if bugcheck else []
    addresses += [exception.address, *exception.parameters] if exception else []
    places = {}
    for address in addresses:
        if symbols.module_at(address):
            places[address] = printable(str(symbols.describe(address)), MAX_TEXT)
        else:
            unloaded = scene.module_at(address)
            if unloaded is not None:
                places[address] = _outside(unloaded, address)
    return places


def _outside(module: SceneModule, address: int) -> str:
    state = " (unloaded)" if module.unloaded else ""
    return f"{printable(module.name)}+{address - module.base:#x}{state}"
