"""What the processes of a scenario did, operation by operation, and whether every byte is accounted for.

On disk a history is JSON Lines, one operation each, in the order of their return: `id` (the step), `actor`, `pid`,
`op`, `handle`, `path` (what the handle was opened with), `t0` and `t1` (microseconds of the guest's clock, one
clock for all processes), `argument` (data as the script names it, `hex:` or `fill:LENGTH:SEED`), `asked` (bytes),
`ok`, `error` (Win32), `moved` (bytes), `data` (hexadecimal, what was read).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.traffic.data import Data, Pointer

VERSION = 1


@dataclass(frozen=True)
class Operation:
    """One operation of one process, from its call to its return."""

    id: str
    actor: str
    pid: int
    op: str
    handle: str
    path: str
    t0: int
    t1: int
    argument: Data | None
    asked: int | None
    ok: bool
    error: int
    moved: int | None
    data: bytes | None

    def to_json(self) -> str:
        """One line of a history file."""
        return json.dumps(
            {
                "v": VERSION,
                "id": self.id,
                "actor": self.actor,
                "pid": self.pid,
                "op": self.op,
                "handle": self.handle,
                "path": self.path,
                "t0": self.t0,
                "t1": self.t1,
                "argument": self.argument.token if self.argument else None,
                "asked": self.asked,
                "ok": self.ok,
                "error": self.error,
                "moved": self.moved,
                "data": None if self.data is None else self.data.hex(),
            }
        )


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
    argument = operation.argument
    if argument is not None and not isinstance(argument, Pointer):
        yield from argument.value[: operation.moved or 0]
