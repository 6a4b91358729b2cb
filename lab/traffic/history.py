"""What the processes of a scenario did, operation by operation, and whether every byte is accounted for.

On disk a history is JSON Lines, one operation each, in the order of their return; `docs/history.md` describes the
fields.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from lab.document import printable
from lab.errors import UsageError
from lab.traffic.data import Bytes, Data, Fill, Pointer, pattern
from lab.traffic.win32 import error_text

VERSION = 3
_WITHOUT_DIGEST = 2
NEVER = (1 << 63) - 1
"""The return time of an operation that has not returned."""

MAX_LINE = 8 << 20
SHOWN = 16
"""Bytes of data that are shown where there is little room."""


class Status(Enum):
    """How an operation ended."""

    RETURNED = "returned"
    REFUSED = "refused"
    """It never reached the system: the traffic program had no such handle, or was told to skip it."""
    GONE = "gone"
    """Its process died: it may or may not have taken effect, between `t0` and `t1`."""
    PENDING = "pending"
    """It has not returned: it may or may not have taken effect, at any time since `t0`."""


@dataclass(frozen=True)
class Operation:
    """One operation of one process, from its call to its return."""

    id: str
    actor: str
    pid: int
    op: str
    handle: str
    path: str
    """What the handle was opened with."""
    t0: int
    t1: int
    argument: Data | None
    asked: int | None
    ok: bool
    error: int
    moved: int | None
    data: bytes | None
    status: Status = Status.RETURNED
    code: int | None = None
    """Of an IOCTL."""
    access: str = ""
    """What the handle was opened for: some of `r` and `w`."""
    target: str = ""
    """Where the data is to go: a length, or `null:LENGTH` or `bad:LENGTH`."""
    action: str = ""
    """Of a service operation."""
    request: str = ""
    """The name of a request that was begun and finished; its process did other things meanwhile."""
    implied: bool = False
    """Nobody called it: the system closed the handle of a process that ended."""
    digest: str = ""
    """SHA-256 of data that came back and is too long to be told; `data` is None then."""
    number: int = 0
    """Position in the history; operations of one process come in their order."""
    beside: int = 0
    """Bytes that others may have taken out of the same part of the driver while it was under way."""

    @property
    def has_result(self) -> bool:
        """It surely took effect, and one knows how it went."""
        return self.status is Status.RETURNED

    @cached_property
    def content(self) -> bytes:
        """What was written or passed in; nothing where a pointer led nowhere."""
        return self.argument.value if isinstance(self.argument, Bytes | Fill) else b""

    def head(self, count: int) -> bytes:
        """The first bytes of `content`; the rest of long data is not made."""
        if isinstance(self.argument, Fill):
            return pattern(min(count, self.argument.length), self.argument.seed)
        return self.content[:count]

    def gave(self, error: int = 0, moved: int | None = None, data: bytes | None = None) -> bool:
        """Whether this is its result, or can have been: None stands for anything."""
        if not self.has_result:
            return True
        if self.error != error or self.ok != (error == 0):
            return False
        return (moved is None or self.moved == moved) and (data is None or self._has(data))

    def _has(self, data: bytes) -> bool:
        return sha256(data).hexdigest() == self.digest if self.digest else self.data == data

    @property
    def result_text(self) -> str:
        """`5 bytes 'hello'`, `success`, `ERROR_BUSY (170)`."""
        if not self.has_result:
            return {Status.GONE: "its process died", Status.PENDING: "has not returned"}.get(self.status, "not done")
        if self.error or not self.ok:
            return error_text(self.error)
        if self.moved is None or self.op not in ("read", "write", "ioctl"):
            return "success"
        if self.digest:
            return f"{self.moved} bytes, SHA-256 {self.digest[:16]}..."
        return f"{self.moved} bytes {in_short(self.data)}" if self.data else f"{self.moved} bytes"

    @property
    def call_text(self) -> str:
        """`write 5 bytes 'hello'`."""
        if self.op == "write":
            head = self.head(SHOWN + 1)
            content = in_short(head) if head else self.argument.token if self.argument else ""
            return f"write {self.asked} bytes {content}".rstrip()
        if self.op == "read":
            return f"read {self.target or self.asked}"
        if self.op == "ioctl":
            return f"ioctl {self.code or 0:#08x} {self.content.hex(' ')}".rstrip()
        if self.op == "close" and self.implied:
            return f"close {self.handle} (process ended)"
        return " ".join(part for part in (self.op, self.action, self.handle) if part)

    def to_json(self) -> str:
        """One line of a history file."""
        value = {
            "v": VERSION,
            "id": self.id,
            "actor": self.actor,
            "pid": self.pid,
            "op": self.op,
            "handle": self.handle,
            "path": self.path,
            "access": self.access,
            "t0": self.t0,
            "t1": None if self.t1 == NEVER else self.t1,
            "status": self.status.value,
            "argument": None if self.argument is None else self.argument.token,
            "asked": self.asked,
            "target": self.target,
            "code": self.code,
            "action": self.action,
            "request": self.request,
            "implied": self.implied,
            "ok": self.ok,
            "error": self.error,
            "moved": self.moved,
            "data": None if self.data is None else self.data.hex(),
            "sha256": self.digest,
        }
        return json.dumps(value)


def in_short(data: bytes, shown: int = SHOWN) -> str:
    """Bytes as text if they are text, else hexadecimal, and no more than `shown` of them."""
    head, more = data[:shown], "..." if len(data) > shown else ""
    if head and all(32 <= byte < 127 for byte in head):
        return repr(head.decode("ascii")) + more
    return head.hex() + more


def read_history(path: Path) -> list[Operation]:
    """The operations of a history file. Raises UsageError that names the line which is none."""
    operations = []
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                operations.append(_parse(line, f"{path}:{number + 1}", number))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "name a history.jsonl of a scenario's artifacts") from None
    return operations


def _parse(line: str, where: str, number: int) -> Operation:
    try:
        if len(line) > MAX_LINE:
            raise ValueError("a line without end")
        value = json.loads(line)
        if not isinstance(value, dict):
            raise ValueError("not an object")
        if value.get("v") == _WITHOUT_DIGEST:
            value["sha256"] = ""
        elif value.get("v") != VERSION:
            raise ValueError(f"version {value.get('v')!r}, not {VERSION}")
        return _operation(value, number)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = printable(f"{type(error).__name__}: {error}", 100)
        raise UsageError(f"{where}: no operation of a history ({what})", "see docs/history.md") from None


def _operation(value: dict[str, Any], number: int) -> Operation:
    def text(name: str) -> str:
        if not isinstance(value[name], str):
            raise TypeError(f"{name} is no text")
        return str(value[name])

    def whole(name: str) -> int:
        if type(value[name]) is not int:
            raise TypeError(f"{name} is no number")
        return int(value[name])

    def maybe(name: str) -> int | None:
        return None if value[name] is None else whole(name)

    returned = maybe("t1")
    return Operation(
        id=text("id"),
        actor=text("actor"),
        pid=whole("pid"),
        op=text("op"),
        handle=text("handle"),
        path=text("path"),
        t0=whole("t0"),
        t1=NEVER if returned is None else returned,
        argument=None if value["argument"] is None else _argument(text("argument")),
        asked=maybe("asked"),
        ok=value["ok"] is True,
        error=whole("error"),
        moved=maybe("moved"),
        data=None if value["data"] is None else bytes.fromhex(text("data")),
        digest=text("sha256"),
        status=Status(value["status"]),
        code=maybe("code"),
        access=text("access"),
        target=text("target"),
        action=text("action"),
        request=text("request") if "request" in value else "",
        implied=value["implied"] is True,
        number=number,
    )


def _argument(token: str) -> Data:
    kind, _, rest = token.partition(":")
    if kind == "hex":
        return Bytes(bytes.fromhex(rest))
    if kind == "fill":
        length, _, seed = rest.partition(":")
        return Fill(int(length), int(seed))
    if kind in ("null", "bad"):
        return Pointer(kind, int(rest))
    raise ValueError(f"no data: {token[:40]}")


@dataclass(frozen=True)
class Account:
    """Bytes that went into a name and came out of it."""

    written: int
    read: int
    lost: int
    """Bytes written that nobody read."""
    invented: int
    """Bytes read that nobody wrote, or more often than written."""

    @property
    def is_balanced(self) -> bool:
        return not self.lost and not self.invented

    def __str__(self) -> str:
        return (
            f"{self.written} bytes written, {self.read} read: {self.lost} lost, "
            f"{self.invented} read that were not written"
        )


def account(operations: Iterable[Operation], path: str) -> Account:
    """Compare what all processes together put into `path` (in any case) with what they got out of it."""
    written: Counter[int] = Counter()
    read: Counter[int] = Counter()
    for operation in operations:
        if not operation.ok or operation.path.lower() != path.lower():
            continue
        if operation.op == "write":
            written.update(_stored(operation))
        elif operation.op == "read":
            read.update(operation.data or b"")
    return Account(
        written=written.total(),
        read=read.total(),
        lost=(written - read).total(),
        invented=(read - written).total(),
    )


def _stored(operation: Operation) -> Iterator[int]:
    yield from operation.head(operation.moved or 0)
