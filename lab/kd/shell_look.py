"""Commands that look at a stopped target, and write its memory and registers."""

from __future__ import annotations

import re

from lab.errors import UsageError
from lab.kd.expression import as_number
from lab.kd.plain import visible
from lab.kd.shell_state import Command, CommandError, ShellState, instructions
from lab.symbols.errors import NoSymbolError
from lab.symbols.module import Module
from lab.symbols.show import describe, show, summary
from lab.symbols.types import Pointer, Structure, Type
from lab.symbols.unwind import Frame
from lab.symbols.value import Value

MAX_UNITS = 1 << 16
MAX_LISTED = 500
_DUMPS = {"db": 1, "dw": 2, "dd": 4, "dq": 8}
_EDITS = {"eb": 1, "ew": 2, "ed": 4, "eq": 8}
_SCREEN = 128
"""Bytes that a dump shows by itself."""


def version(state: ShellState, _: str) -> None:
    """What the target says of itself."""
    told = state.target.version()
    machine = told.machine.name if told.machine else f"machine {told.machine_number:#x}"
    state.say(f"Windows build {told.build}, {machine}, KD protocol {told.protocol}, kernel at {told.kernel_base:#x}")
    stop = state.target.stop
    state.say(f"{stop.change.processors} processor(s), stopped on number {stop.processor}")


def modules(state: ShellState, pattern: str) -> None:
    for each in state.debugger.symbols.modules:
        if pattern and not re.search(re.escape(pattern).replace(r"\*", ".*"), each.name, re.IGNORECASE):
            continue
        state.say(f"{each.base:016x} {each.base + each.size:016x}   {visible(each.name):<24} {_symbols_of(each)}")


def _symbols_of(module: Module) -> str:
    if not module.may_have_pdb:
        return "exports only"
    return str(module.pdb.path) if module.pdb else "; ".join(module.complaints)


def registers(state: ShellState, text: str) -> None:
    name, equals, value = text.partition("=")
    name = name.strip().lstrip("@").lower()
    known = state.debugger.registers
    if name and name not in known:
        raise CommandError(f"no register {name!r}", f"it has: {', '.join(known)}")
    if equals:
        state.target.set_registers(**{name: state.debugger.address(value)})
        state.debugger.forget_registers()
        return
    digits = 16 if state.debugger.wide else 8
    shown = [f"{each:>6}={known[each]:0{digits}x}" for each in ([name] if name else known)]
    for i in range(0, len(shown), 4):
        state.say(" ".join(shown[i : i + 4]).strip() if name else " ".join(shown[i : i + 4]))


def dump(size: int, state: ShellState, text: str) -> None:
    address, count = _place(state, text, _SCREEN // size)
    data = state.debugger.read(address, min(count, MAX_UNITS) * size)
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        units = [row[i : i + size] for i in range(0, len(row) - size + 1, size)]
        words = " ".join(f"{int.from_bytes(each, 'little'):0{size * 2}x}" for each in units)
        tail = f"  {_ascii(row)}" if size == 1 else _pointers(state, row) if size == 8 else ""
        state.say(f"{address + at:016x}  {words:<{(size * 2 + 1) * (16 // size) - 1}}{tail}".rstrip())
    if len(data) < count * size:
        state.say(f"{address + len(data):016x}  cannot be read")


def _ascii(row: bytes) -> str:
    return "".join(chr(each) if 0x20 <= each < 0x7F else "." for each in row)


def _pointers(state: ShellState, row: bytes) -> str:
    values = [int.from_bytes(row[i : i + 8], "little") for i in range(0, len(row) - 7, 8)]
    places = [state.debugger.symbols.describe(each) for each in values]
    named = [each.name for each in places if each.module]
    return f"  {', '.join(named)}" if named else ""


def text_of(wide: bool, state: ShellState, text: str) -> None:
    address, count = _place(state, text, 256)
    data = state.debugger.read(address, min(count, MAX_UNITS) * (2 if wide else 1))
    if not data:
        raise CommandError(f"memory at {address:#x} cannot be read")
    shown = data.decode("utf-16-le" if wide else "latin-1", "replace").split("\0", 1)[0]
    state.say(f'{address:016x}  "{visible(shown)}"')


def edit(size: int, state: ShellState, text: str) -> None:
    where, *values = text.split()
    if not values:
        raise CommandError("nothing to write", "say where and what, such as: eb @rsp+20 90 90")
    address = state.debugger.address(where)
    numbers = [state.debugger.address(each) for each in values]
    if any(each >> size * 8 for each in numbers):
        raise CommandError(f"a value does not fit into {size} byte(s)")
    data = b"".join(each.to_bytes(size, "little") for each in numbers)
    state.debugger.write(address, data)


def stack(state: ShellState, text: str) -> None:
    limit = state.debugger.address(text) if text else 64
    state.say(" #  stack pointer     where")
    for line in stack_lines(state.debugger.stack(max(limit, 1))):
        state.say(line)


def stack_lines(frames: list[Frame]) -> list[str]:
    """Frames as lines; `?` marks a guess. Inlined functions have lines of their own, without a stack pointer."""
    lines = []
    for i, frame in enumerate(frames):
        for line in frame.place.lines[:-1]:
            lines.append(f"    {'(inline)':<16}  {line.function} [{line}]")
        where = frame.place.name if frame.how.value == "stopped" else _after_call(frame)
        source = f" [{frame.place.lines[-1]}]" if frame.place.lines else ""
        lines.append(f"{i:02x}{'?' if frame.guessed else ' '} {frame.stack:016x}  {visible(where)}{source}")
    return lines


def _after_call(frame: Frame) -> str:
    """The return address in the words of the call: a call at a function's end returns into the next one."""
    place = frame.place
    if place.module is None:
        return f"{frame.address:#x}"
    name = f"!{place.function.name}" if place.function and place.function.name else ""
    return (
        f"{place.module.name}{name}+{place.offset + 1:#x}"
        if name
        else (f"{place.module.name}+{frame.address - place.module.base:#x}")
    )


def arguments(state: ShellState, _: str) -> None:
    found = state.debugger.arguments
    if not found:
        raise CommandError("the PDB does not know this function's parameters")
    for i, (name, value) in enumerate(zip(found.names, found, strict=True)):
        state.say(f"  {name or i} = {summary(value)}")


def display_type(state: ShellState, text: str) -> None:
    words = text.split()
    deep = "-r" in words
    words = [each for each in words if each != "-r"]
    if not words:
        raise CommandError("which type?", "dt NAME, dt NAME ADDRESS, or dt Irp->Member.Other")
    if "*" in words[0] and len(words) == 1:
        return _list_types(state, words[0])
    kind, where = _kind(state, words[0]), " ".join(words[1:])
    if kind is None or (not where and not isinstance(kind, Structure)):
        found = state.debugger.evaluate(" ".join(words))
        if not isinstance(found, Value):
            raise CommandError(f"{words[0]} is a number: {found:#x}", f"say what is there: dt TYPE {words[0]}")
        inner = found.target if isinstance(found.type, Pointer) and isinstance(found.type.target, Structure) else found
        lines = show(inner, int(deep))
    elif where:
        lines = show(state.debugger.value(kind, state.debugger.address(where)), int(deep))
    else:
        assert isinstance(kind, Structure)  # noqa: S101
        lines = describe(kind)
    for line in lines:
        state.say(line)
    return None


def _kind(state: ShellState, name: str) -> Type | None:
    """The type of that name, unless a parameter has it."""
    if not re.fullmatch(r"(?:[\w.$-]+!)?\w+\**", name) or state.debugger.variable(name) is not None:
        return None
    try:
        return state.debugger.type(name)
    except NoSymbolError as error:
        try:
            state.debugger.evaluate(name)
        except UsageError:
            raise error from None
        return None


def _list_types(state: ShellState, pattern: str) -> None:
    bare = pattern.rpartition("!")[2]
    wanted = re.compile(re.escape(bare).replace(r"\*", ".*"), re.IGNORECASE)
    for module in state.debugger.symbols.modules:
        if module.may_have_pdb and module.pdb:
            for name in module.pdb.types.names():
                if wanted.fullmatch(name):
                    state.say(f"  {module.name}!{name}")


def names(state: ShellState, pattern: str) -> None:
    if not pattern:
        raise CommandError("which names?", "x MODULE!PATTERN*, such as: x my*!My_*")
    for shown, (module, function) in enumerate(state.debugger.symbols.matching(pattern)):
        if shown >= MAX_LISTED:
            state.say(f"... and more: only {MAX_LISTED} are shown")
            break
        state.say(f"{module.base + function.rva:016x}  {module.name}!{visible(function.name)}")


def nearest(state: ShellState, text: str) -> None:
    place = state.debugger.where(state.debugger.address(text or "."))
    state.say(f"{place.address:016x}  {place.name}")
    for line in place.lines:
        state.say(f"    {line.function} [{line}]")


def unassemble(state: ShellState, text: str) -> None:
    address, count = _place(state, text or f"{state.debugger.program_counter:#x}", 8)
    shown = instructions(state.debugger, address, min(count, MAX_LISTED))
    if not shown:
        raise CommandError(f"no instructions can be read at {address:#x}")
    state.say(f"{state.debugger.where(address)}:")
    for line in shown:
        state.say(line)


def number(state: ShellState, text: str) -> None:
    value = as_number(state.debugger.evaluate(text))
    place = state.debugger.symbols.describe(value)
    state.say(f"{value:#x} = {value}" + (f" = {place.name}" if place.module else ""))


def value(state: ShellState, text: str) -> None:
    found = state.debugger.evaluate(text)
    for line in show(found) if isinstance(found, Value) else [f"{found:#x}"]:
        state.say(line)


def _place(state: ShellState, text: str, count: int) -> tuple[int, int]:
    """An address, and a number of units behind it: `ADDRESS`, `ADDRESS 20`, `ADDRESS L20`."""
    if not text:
        raise CommandError("where?", "say an address, a register or a symbol")
    match = re.fullmatch(r"(.*\S)\s+[lL]?([0-9a-fA-F]+)", text)
    if match and not re.search(r"[-+*(]\s*$", match[1]):
        return state.debugger.address(match[1]), int(match[2], 16)
    return state.debugger.address(text), count


def _dump_command(name: str, size: int) -> Command:
    return Command((name,), f"{name} ADDRESS [N]", f"memory as {size}-byte units", lambda s, t: dump(size, s, t))


def _edit_command(name: str, size: int) -> Command:
    usage = f"{name} ADDRESS VALUE ..."
    return Command((name,), usage, f"write {size}-byte units", lambda s, t: edit(size, s, t))


LOOKING = [
    Command(("version", "vertarget"), "version", "what the target is", version),
    Command(("lm",), "lm [PATTERN]", "loaded modules, and where their symbols come from", modules),
    Command(("r",), "r [REGISTER[=VALUE]]", "registers", registers),
    Command(("k", "kn", "kb"), "k [N]", "call stack; ? marks frames that are guessed", stack),
    Command(("dv",), "dv", "arguments, at a function's first instruction", arguments),
    Command(
        ("dt",),
        "dt [-r] TYPE [ADDRESS]",
        "a structure's layout, or what is there; dt Irp->Tail works too",
        display_type,
    ),
    Command(("x",), "x MODULE!PATTERN", "names and their addresses", names),
    Command(("ln",), "ln [ADDRESS]", "the function and source lines there", nearest),
    Command(("u",), "u [ADDRESS] [N]", "instructions", unassemble),
    *(_dump_command(name, size) for name, size in _DUMPS.items()),
    Command(("da",), "da ADDRESS [N]", "text of bytes, up to its NUL", lambda s, t: text_of(False, s, t)),
    Command(("du",), "du ADDRESS [N]", "text of UTF-16, up to its NUL", lambda s, t: text_of(True, s, t)),
    *(_edit_command(name, size) for name, size in _EDITS.items()),
    Command(("?",), "? EXPRESSION", "a number; hexadecimal, 0n10 is ten", number),
    Command(("??",), "?? EXPRESSION", "a value of the driver's: ?? Irp->IoStatus", value),
]
