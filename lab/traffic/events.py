"""Reads the events that the traffic program prints: JSON Lines from the guest, which is not to be trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from lab.document import printable
from lab.errors import InfrastructureError
from lab.traffic.order import Event as TurnEvent

VERSION = 1
MAX_LINE = 4 << 20
"""Longest line, in characters; the traffic program's own limit is 3 MB."""

_INT64 = 1 << 63
_DIGEST = re.compile(r"[0-9a-f]{64}")


class EventError(InfrastructureError):
    """The guest sent a line that the traffic program never prints."""

    def __init__(self, what: str, line: str) -> None:
        super().__init__(
            f"the traffic program's output cannot be read: {what}: {printable(line, 120)}",
            "look at events.jsonl; the traffic program in the guest may be another version than the lab",
        )


@dataclass(frozen=True)
class Hello:
    """The conductor has started."""

    pid: int


@dataclass(frozen=True)
class Op:
    """One finished operation."""

    id: str
    actor: str
    pid: int
    op: str
    handle: str
    t0: int
    """Invoked, in microseconds since the conductor's start; all actors have the same clock."""
    t1: int
    """Returned, likewise."""
    ok: bool
    error: int
    """Win32 error, 0 for success."""
    moved: int | None
    """Bytes moved, where the operation moves bytes."""
    data: bytes | None
    """What the operation returned, where it returns data that is not too long."""
    state: str
    """Service operations: the state afterwards."""
    part: str
    """Service operations: the part that failed, or the last one done."""
    code: int | None
    """Kill and wait: the process's exit code."""
    gone: bool
    """Its actor is no longer there: not performed, or the result is lost."""
    what: str
    """Why the system was not called, where it was not."""
    verified: int | None = None
    """Loads of a driver: Driver Verifier's flags that are in force for it, where it was told some."""
    ntstatus: int = 0
    """NTSTATUS behind the error; 0 where there is none or the system kept none."""
    digest: str = ""
    """SHA-256 of returned data that is too long to be told."""
    is_kept: bool = False
    """That data is in the file that the script names."""


@dataclass(frozen=True)
class Exit:
    """A process has ended."""

    actor: str
    pid: int
    code: int
    t: int
    expected: bool


@dataclass(frozen=True)
class Out:
    """A program wrote to its standard output, or to `stream` "err"."""

    actor: str
    t: int
    data: bytes
    stream: str


@dataclass(frozen=True)
class Pending:
    """An operation that had not returned when time ran out; no id: the process itself has not begun, or not ended."""

    actor: str
    id: str
    op: str
    for_ms: int


@dataclass(frozen=True)
class Timeout:
    """Step `id` was not done in its time; without an id, the whole script was not."""

    id: str
    what: str
    pending: tuple[Pending, ...]


@dataclass(frozen=True)
class Fault:
    """The traffic program cannot do what the script says."""

    id: str
    what: str


@dataclass(frozen=True)
class Done:
    """Always the last event."""

    ok: bool


@dataclass(frozen=True)
class Turned:
    """In a block with a schedule: whose turn it is, or what became of it."""

    block: str
    actor: str
    id: str
    """The operation that is called, pends or has returned."""
    event: TurnEvent


Event = Hello | Op | Exit | Out | Timeout | Fault | Turned | Done


def parse_event(line: str) -> Event:
    """One line as an event. Raises EventError for anything the traffic program does not print."""
    if len(line) > MAX_LINE:
        raise EventError(f"a line of {len(line)} characters", line)
    try:
        value = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise EventError("not JSON", line) from None
    if not isinstance(value, dict):
        raise EventError("not an object", line)
    fields = _Fields(value, line)
    make = _KINDS.get(fields.text("e"))
    if make is None:
        raise EventError("unknown event", line)
    return make(fields)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


class _Fields:
    """Typed access to the fields of one event."""

    def __init__(self, value: Mapping[str, Any], line: str) -> None:
        self._value = value
        self._line = line

    def _get(self, name: str, kind: type, default: Any) -> Any:
        value = self._value.get(name, default)
        if value is ...:
            raise EventError(f"no '{name}'", self._line)
        if value is not default and type(value) is not kind:
            raise EventError(f"'{name}' is not {kind.__name__}", self._line)
        return value

    def text(self, name: str, default: Any = ...) -> str:
        value: str = self._get(name, str, default)
        return value

    def flag(self, name: str, default: Any = ...) -> bool:
        value: bool = self._get(name, bool, default)
        return value

    def number(self, name: str) -> int:
        value: int = self._get(name, int, ...)
        return self._bounded(name, value)

    def optional_number(self, name: str) -> int | None:
        value: int | None = self._get(name, int, None)
        return None if value is None else self._bounded(name, value)

    def _bounded(self, name: str, value: int) -> int:
        if not -_INT64 <= value < _INT64:
            raise EventError(f"'{name}' is out of range", self._line)
        return value

    def optional_bytes(self, name: str) -> bytes | None:
        value: str | None = self._get(name, str, None)
        if value is None:
            return None
        try:
            return bytes.fromhex(value)
        except ValueError:
            raise EventError(f"'{name}' is not hexadecimal", self._line) from None

    def turn_event(self, name: str) -> TurnEvent:
        try:
            return TurnEvent(self.text(name))
        except ValueError:
            raise EventError(f"'{name}' is nothing that becomes of a turn", self._line) from None

    def digest(self, name: str) -> str:
        value = self.text(name, "")
        if value and not _DIGEST.fullmatch(value):
            raise EventError(f"'{name}' is no SHA-256", self._line)
        return value

    def objects(self, name: str) -> list[_Fields]:
        values = self._get(name, list, ...)
        if not all(isinstance(value, dict) for value in values):
            raise EventError(f"'{name}' does not hold objects", self._line)
        return [_Fields(value, self._line) for value in values]


def _hello(fields: _Fields) -> Event:
    version = fields.number("v")
    if version != VERSION:
        raise InfrastructureError(
            f"the guest's traffic program speaks version {version}, the lab version {VERSION}",
            "build the driver programs and bring the lab up again",
        )
    return Hello(fields.number("pid"))


def _op(fields: _Fields) -> Event:
    return Op(
        id=fields.text("id"),
        actor=fields.text("actor"),
        pid=fields.optional_number("pid") or 0,
        op=fields.text("op"),
        handle=fields.text("handle", ""),
        t0=fields.number("t0"),
        t1=fields.number("t1"),
        ok=fields.flag("ok"),
        error=fields.number("err"),
        moved=fields.optional_number("n"),
        data=fields.optional_bytes("data"),
        digest=fields.digest("sha256"),
        is_kept=fields.flag("kept", False),
        state=fields.text("state", ""),
        part=fields.text("part", ""),
        code=fields.optional_number("code"),
        gone=fields.flag("gone", False),
        what=fields.text("what", "") or ("skipped" if fields.flag("skipped", False) else ""),
        verified=fields.optional_number("verified"),
        ntstatus=fields.optional_number("status") or 0,
    )


def _turn(fields: _Fields) -> Event:
    return Turned(fields.text("block"), fields.text("actor"), fields.text("id"), fields.turn_event("what"))


def _exit(fields: _Fields) -> Event:
    return Exit(
        fields.text("actor"),
        fields.number("pid"),
        fields.number("code"),
        fields.number("t"),
        fields.flag("expected"),
    )


def _out(fields: _Fields) -> Event:
    data = fields.optional_bytes("data") or b""
    return Out(fields.text("actor"), fields.number("t"), data, fields.text("stream", "out"))


def _timeout(fields: _Fields) -> Event:
    pending = tuple(
        Pending(item.text("actor"), item.text("id", None) or "", item.text("op"), item.number("for_ms"))
        for item in fields.objects("pending")
    )
    return Timeout(fields.text("id", None) or "", fields.text("what", ""), pending)


def _fault(fields: _Fields) -> Event:
    return Fault(fields.text("id", None) or "", fields.text("what"))


def _done(fields: _Fields) -> Event:
    return Done(fields.flag("ok"))


_KINDS: dict[str, Callable[[_Fields], Event]] = {
    "hello": _hello,
    "op": _op,
    "turn": _turn,
    "exit": _exit,
    "out": _out,
    "timeout": _timeout,
    "error": _fault,
    "done": _done,
}
