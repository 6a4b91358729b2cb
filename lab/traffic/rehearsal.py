"""Histories without a guest: processes that call a simulated driver, each operation at one instant within its call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Protocol

from lab.traffic.data import Bytes
from lab.traffic.history import Operation


class SimulatedDriver(Protocol):
    """Does one operation after the other."""

    def perform(self, operation: Operation) -> Operation:
        """The same operation with its result."""
        ...


def call(op: str, path: str, *, content: bytes = b"", asked: int = 0, code: int | None = None) -> Operation:
    """An operation that nobody has called yet."""
    return Operation(
        id="",
        actor="",
        pid=0,
        op=op,
        handle="h",
        path=path,
        t0=0,
        t1=0,
        argument=Bytes(content) if op in ("write", "ioctl") else None,
        asked=len(content) if op == "write" else asked,
        ok=True,
        error=0,
        moved=None,
        data=None,
        code=code,
        access="rw",
        target=str(asked) if op in ("read", "ioctl") else "",
    )


def rehearse(calls: Mapping[str, Sequence[Operation]], driver: SimulatedDriver, random: Random) -> list[Operation]:
    """Let each process make its calls in their order, all side by side; the history in the order of the returns.

    A call takes effect at a moment between its call and its return, both up to some dozen microseconds away.
    """
    moments: list[tuple[int, str, int, int, int]] = []
    for actor, own in calls.items():
        clock = random.randrange(20)
        for number in range(len(own)):
            begin = clock + random.randrange(1, 20)
            moment = begin + random.randrange(40)
            clock = moment + random.randrange(40)
            moments.append((moment, actor, number, begin, clock))
    random.shuffle(moments)
    moments.sort(key=lambda item: item[0])
    done = []
    for _, actor, number, begin, end in moments:
        result = driver.perform(calls[actor][number])
        done.append(replace(result, id=f"{actor}.{number + 1}", actor=actor, t0=begin, t1=end))
    done.sort(key=lambda operation: operation.t1)
    return [replace(operation, number=number) for number, operation in enumerate(done)]
