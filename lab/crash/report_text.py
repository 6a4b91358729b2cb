"""A crash report as text, in the order in which a debugger's user looks at things."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.crash.bugchecks import Parameter
from lab.crash.call import Call
from lab.crash.exceptions import exception_text
from lab.crash.report import MAX_TEXT, CrashReport, Stack
from lab.document import printable

MAX_FRAMES = 24
MAX_OTHER_FRAMES = 8
MAX_OTHER_STACKS = 16
MAX_LOADED = 32
MAX_UNLOADED = 8
_SPECIAL = {"cs", "ds", "es", "fs", "gs", "ss", "dr0", "dr1", "dr2", "dr3", "dr6", "dr7"}
"""Registers that are in the JSON alone."""
_A_ROW = 3
"""Registers in one."""


def report_lines(report: CrashReport) -> Iterator[str]:
    """The lines of a report; everything from the target is bounded and printable."""
    yield report.headline
    yield from _bugcheck(report)
    yield from _exception(report)
    yield from _where(report)
    for stack in report.stacks:
        if stack.faulting:
            yield from _stack(stack, "the one that crashed", MAX_FRAMES)
    yield from _registers(report)
    yield from _others(report)
    yield from _modules(report)
    yield from _scene(report)
    yield from _section("notes", report.notes)
    yield from ("", f"signature  {report.signature}")


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", title, *(f"  {line}" for line in lines))


def _bugcheck(report: CrashReport) -> Iterator[str]:
    if report.bugcheck is None:
        return
    yield from ("", f"  {report.bugcheck.what}")
    for number, each in enumerate(report.bugcheck.parameters, 1):
        yield f"  {number}  {_address(each.value)}  {_parameter(each, report.places.get(each.value, ''))}".rstrip()
    if report.bugcheck.source:
        yield f"  {report.bugcheck.source}"


def _parameter(parameter: Parameter, place: str) -> str:
    more = "".join(f": {each}" for each in (parameter.word, place) if each)
    return f"{parameter.meaning}{more}"


def _exception(report: CrashReport) -> Iterator[str]:
    if report.exception is not None:
        place = report.places.get(report.exception.address) or f"{report.exception.address:#x}"
        yield from _section("exception", [f"{exception_text(report.exception)}, at {place}"])


def _where(report: CrashReport) -> Iterator[str]:
    call = report.culprit or report.fault
    if call is None:
        return
    lines = [str(call)]
    if call.module and call.function:
        lines.append(f"{printable(call.module)}+{call.module_offset:#x}")
    if report.fault is not None and report.fault is not call:
        lines.append(f"it {'failed' if report.bugcheck or report.exception else 'stands'} in {report.fault}")
    yield from _section("where", lines)
    for each in report.excerpt:
        yield f"  {'>' if each.here else ' '} {each.line:5}  {each.text}".rstrip()


def _stack(stack: Stack, remark: str, limit: int) -> Iterator[str]:
    waits = f"waits for {stack.waits_for}" if stack.waits_for else ""
    more = ", ".join(each for each in (remark, waits) if each)
    yield from ("", f"stack of {stack.label}" + (f" ({more})" if more else ""))
    number = 0
    for call in stack.calls[:limit]:
        yield f"  {number:02}{'?' if call.guessed else ' '} {_address(call.stack)}  {call}"
        number += not call.inlined
    if len(stack.calls) > limit:
        yield f"  and {len(stack.calls) - limit} more"
    if not stack.calls:
        yield "  nothing is known of it"


def _registers(report: CrashReport) -> Iterator[str]:
    general = ((name, value) for name, value in report.registers.items() if name not in _SPECIAL)
    cells = [f"{name:>6}={_address(value)}" for name, value in general]
    yield from _section("registers", [" ".join(cells[i : i + _A_ROW]) for i in range(0, len(cells), _A_ROW)])


def _others(report: CrashReport) -> Iterator[str]:
    others = [each for each in report.stacks if not each.faulting]
    for stack in others[:MAX_OTHER_STACKS]:
        yield from _stack(stack, "", MAX_OTHER_FRAMES)
    if len(others) > MAX_OTHER_STACKS:
        yield from ("", f"and {len(others) - MAX_OTHER_STACKS} more threads or processors")


def _modules(report: CrashReport) -> Iterator[str]:
    """Those on the stacks, and the last ones unloaded: the others are in the JSON."""
    calls: list[Call] = [call for stack in report.stacks for call in stack.calls]
    named = {call.module.lower() for call in calls}
    modules = report.scene.modules
    shown = [each for each in modules if not each.unloaded and each.name.rsplit(".", 1)[0].lower() in named]
    del shown[MAX_LOADED:]
    shown += [each for each in modules if each.unloaded][-MAX_UNLOADED:]
    lines = [
        f"{_address(each.base)} {each.size:>9,}  {printable(each.name)}{' (unloaded)' if each.unloaded else ''}"
        for each in shown
    ]
    if lines:
        yield from _section(f"modules ({len(lines)} of {len(modules)})", lines)


def _scene(report: CrashReport) -> Iterator[str]:
    scene = report.scene
    known = {
        "system": scene.system,
        "machine": scene.machine,
        "process": scene.process,
        "time": scene.time.strftime("%Y-%m-%d %H:%M:%S UTC") if scene.time else "",
        "from": scene.source,
        **scene.facts,
    }
    lines = [f"{printable(name):<10} {printable(value, MAX_TEXT)}" for name, value in known.items() if value]
    yield from _section("about", lines)


def _address(value: int) -> str:
    """As Windows debuggers write 64 bits: `fffff800`12345678`."""
    return f"{value >> 32 & 0xFFFFFFFF:08x}`{value & 0xFFFFFFFF:08x}"
