"""One operation of an actor: from its YAML to a step of the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lab.config import Config, IoctlSpec
from lab.document import printable, shown
from lab.scenario.cast import Cast
from lab.scenario.doing import Doing
from lab.scenario.expected import expected
from lab.scenario.ioctl import named_ioctl, packed_input
from lab.scenario.model import Expected, Step
from lab.scenario.requests import Requests
from lab.scenario.values import Report, Seeds, data, milliseconds, room
from lab.traffic.data import Bytes, Data, Pointer
from lab.traffic.script import bytes_token

STEP_TIMEOUT_MS = 10_000
HANDLE = "h"
"""The handle of actors that need but one."""

_OF_PROGRAMS = ("type", "await")
_OF_ALL = ("barrier",)
_ENTER = b"\r\n"
_CODE = "a code as in 0x222000"
_ACCESS = {"r": "r", "w": "w", "rw": "rw", "none": "0"}


class Operations:
    """Makes steps of operations; one method for each kind."""

    def __init__(self, config: Config, cast: Cast, report: Report, seed: int) -> None:
        self._config = config
        self._seed = seed
        self._cast = cast
        self._report = report
        self._requests = Requests(report)
        self._makers: dict[str, Callable[[Doing], Step]] = {
            "open": self._open,
            "write": self._write,
            "read": self._read,
            "ioctl": self._ioctl,
            "cancel": self._cancel,
            "finish": self._finish,
            "close": self._close,
            "flush": self._flush,
            "sleep": self._sleep,
            "barrier": self._barrier,
            "exit": self._exit,
            "crash": self._crash,
            "type": self._type,
            "await": self._await,
        }

    def make(self, kind: str, doing: Doing) -> Step:
        self._cast.check_alive(doing.actor, doing.where)
        fits_program = kind in _OF_PROGRAMS
        is_program = self._cast.is_program(doing.actor)
        if is_program != fits_program and kind not in _OF_ALL:
            what = f"{shown(doing.actor)} is {'a program' if is_program else 'no program'}, it cannot {kind}"
            right = "`type:` or `await:`" if is_program else "`program:` among the actor's settings"
            self._report.follow(doing.at(kind), what, right)
        return self._makers[kind](doing)

    def _step(self, doing: Doing, kind: str, args: tuple[str, ...], words: str, **more: Any) -> Step:
        begins = "begin" in doing.value
        # What comes of a request that is only begun is for its `finish` to say.
        of = "begin" if begins else more.pop("begun", kind)
        wanted = expected(
            doing.value.get("expect"), doing.at("expect"), self._report, of, more.get("ioctl"), self._seed
        )
        step = Step(
            id=doing.id,
            line=doing.line,
            actor=doing.actor,
            op=kind,
            args=args,
            timeout_ms=doing.timeout_ms,
            expected=wanted,
            text=f"{doing.actor}: {'begin to ' if begins else ''}{words}",
            **more,
        )
        if not begins:
            return step
        name = doing.value["begin"]
        return self._requests.begin(replace(step, args=(*args, "begin", name), request=name), doing.at("begin"))

    def _cancel(self, doing: Doing) -> Step:
        name = doing.value["cancel"]
        self._requests.begun(doing.actor, name, doing.at("cancel"))
        return self._step(doing, "cancel", (name,), f"cancel {name}", request=name)

    def _finish(self, doing: Doing) -> Step:
        name = doing.value["finish"]
        begun = self._requests.begun(doing.actor, name, doing.at("finish"), ends=True)
        more: dict[str, Any] = {"begun": begun.op, "ioctl": begun.ioctl, "asked": begun.asked} if begun else {}
        return self._step(doing, "finish", (name,), f"finish {name}", request=name, **more)

    def _handle(self, doing: Doing, kind: str) -> tuple[str, str]:
        handle = doing.value.get("handle", HANDLE)
        where = doing.at("handle" if "handle" in doing.value else kind)
        return handle, self._cast.path(doing.actor, handle, where)

    def _open(self, doing: Doing) -> Step:
        target = doing.value["open"]
        if isinstance(target, dict):
            path = target["path"]
        else:
            if target and target.startswith("\\"):
                right = f"'{target.lstrip(chr(92))}', or {{path: ...}} for a whole path"
                self._report.add(doing.at("open"), f"{shown(target)} starts with a backslash", right)
            path = f"{self._config.device}\\{target}" if target else self._config.device
        if "\0" in path:
            self._report.add(doing.at("open"), "holds a NUL", "a name without it")
        handle = doing.value.get("as", HANDLE)
        access = doing.value.get("access", "rw")
        overlapped = doing.value.get("overlapped", False)
        args = (handle, path, _ACCESS[access], *(["overlapped"] if overlapped else []))
        step = self._step(doing, "open", args, f"open {printable(path)}", handle=handle, path=path)
        self._requests.opened(doing.actor, handle, overlapped=overlapped)
        where = doing.at("as" if "as" in doing.value else "open")
        self._cast.open(doing.actor, handle, path, where, certain=_certain(step.expected))
        return step

    def _write(self, doing: Doing) -> Step:
        handle, path = self._handle(doing, "write")
        content = self._data(doing, "write")
        words = f"write {_in_words(content)}"
        args = (handle, content.token)
        return self._step(doing, "write", args, words, handle=handle, path=path, data=content, asked=len(content))

    def _data(self, doing: Doing, name: str) -> Data:
        return data(doing.value[name], doing.at(name), self._report, Seeds(self._seed, doing.number))

    def _read(self, doing: Doing) -> Step:
        handle, path = self._handle(doing, "read")
        token, length = room(doing.value["read"])
        words = f"read {length} bytes" + (f" ({token})" if ":" in token else "")
        return self._step(doing, "read", (handle, token), words, handle=handle, path=path, asked=length)

    def _ioctl(self, doing: Doing) -> Step:
        handle, path = self._handle(doing, "ioctl")
        name = doing.value["ioctl"]
        is_named = isinstance(name, str)
        spec = named_ioctl(name, doing.at("ioctl"), self._config, self._report, _CODE) if is_named else None
        code = spec.code if spec else 0 if is_named else name
        content = self._input(doing, spec)
        default = spec.output_size if spec else 0
        token, length = room(doing.value["output"]) if "output" in doing.value else (str(default), default)
        words = f"ioctl {spec.name if spec else f'{code:#08x}'}"
        args = (handle, f"{code:#08x}", content.token, token)
        return self._step(doing, "ioctl", args, words, handle=handle, path=path, data=content, asked=length, ioctl=spec)

    def _input(self, doing: Doing, spec: IoctlSpec | None) -> Data:
        value = doing.value
        if "data" in value:
            if "input" in value:
                self._report.add(doing.at("input"), "and data exclude each other", "one of them")
            return self._data(doing, "data")
        if "input" not in value:
            if spec is not None and spec.input:
                names = ", ".join(f"{item.name}: ..." for item in spec.input)
                self._report.add(doing.where, f"{spec.name} needs its input", f"`input: {{{names}}}`")
            return Bytes(b"")
        if spec is not None:
            return packed_input(spec, value["input"], doing.at("input"), self._report)
        if isinstance(value["ioctl"], int):
            self._report.add(doing.at("input"), "needs an IOCTL with named fields", "`data:` for plain bytes")
        return Bytes(b"")

    def _close(self, doing: Doing) -> Step:
        handle = doing.value["close"] or HANDLE
        self._cast.close(doing.actor, handle, doing.at("close"))
        return self._step(doing, "close", (handle,), f"close {handle}", handle=handle)

    def _flush(self, doing: Doing) -> Step:
        handle = doing.value["flush"] or HANDLE
        path = self._cast.path(doing.actor, handle, doing.at("flush"))
        return self._step(doing, "flush", (handle,), f"flush {handle}", handle=handle, path=path)

    def _sleep(self, doing: Doing) -> Step:
        ms = milliseconds(doing.value["sleep"])
        return self._step(doing, "sleep", (str(ms),), f"sleep {ms} ms")

    def _barrier(self, doing: Doing) -> Step:
        name = doing.value["barrier"]
        return self._step(doing, "barrier", (name,), f"barrier {name}")

    def _exit(self, doing: Doing) -> Step:
        step = self._step(doing, "exit", (str(doing.value["exit"]),), f"exit {doing.value['exit']}")
        self._cast.end([doing.actor], doing.where)
        return step

    def _crash(self, doing: Doing) -> Step:
        step = self._step(doing, "crash", (), "crash")
        self._cast.end([doing.actor], doing.where)
        return step

    def _type(self, doing: Doing) -> Step:
        line = doing.value["type"]
        if self._cast.is_program(doing.actor) and not self._cast.can_be_typed_to(doing.actor):
            right = "`await:` alone, or no `stdin:` among the actor's settings"
            self._report.add(doing.at("type"), f"{shown(doing.actor)} has all of its input from `stdin:`", right)
        args: tuple[str, ...] = (bytes_token(line.encode() + _ENTER),)
        words = f"type {shown(line)}"
        if "await" in doing.value:
            args += self._awaited(doing)
            words += f", await {shown(doing.value['await'])}"
        return self._step(doing, "type", args, words)

    def _await(self, doing: Doing) -> Step:
        """Typing nothing at all starts the program."""
        args = (bytes_token(b""), *self._awaited(doing))
        return self._step(doing, "type", args, f"await {shown(doing.value['await'])}")

    def _awaited(self, doing: Doing) -> tuple[str, str]:
        return "await", bytes_token(doing.value["await"].encode())


def _certain(wanted: Expected) -> bool | None:
    if wanted.errors is None:
        return None
    if 0 not in wanted.errors:
        return False
    return True if len(wanted.errors) == 1 else None


def _in_words(content: Data) -> str:
    if isinstance(content, Pointer):
        return f"{content.length} bytes ({content.token})"
    if isinstance(content, Bytes) and content.value.isascii() and content.value.decode().isprintable():
        return f"{len(content)} bytes {shown(content.value.decode())}"
    return f"{len(content)} bytes"
