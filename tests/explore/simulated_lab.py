"""A lab whose guest is simulated: scripts are performed on the driver done in Python, blocks in a random order."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Protocol

from scenario.recorded_lab import Playback, RecordedLab

from lab.scenario.run import SCRIPT
from lab.traffic.data import Bytes, Data, Fill, Pointer
from lab.traffic.history import Operation
from lab.traffic.rehearsal import call
from lab.traffic.script import decode_token

TICK = 10
"""Microseconds."""


class Driver(Protocol):
    def perform(self, operation: Operation) -> Operation: ...

    def reload(self) -> None: ...


class SimulatedLab(RecordedLab):
    """Crashes when the driver raises ZeroDivisionError, hangs when it raises TimeoutError."""

    def __init__(self, directory: Path, driver: Driver, seed: int = 0) -> None:
        super().__init__(directory, Playback(), capabilities=["cleanup-irp"])
        self.scripts = 0
        self._driver = driver
        self._random = Random(seed)  # noqa: S311

    def _play(self, on_line: Callable[[str], None]) -> int:
        self.scripts += 1
        performance = _Performance(self._driver, self._random, on_line)
        self._now.crash = None
        try:
            performance.perform(self.guest.files[SCRIPT].decode().splitlines())
        except ZeroDivisionError:
            self._now.crash = "bugcheck 0x0000007E"
            return 1
        except TimeoutError:
            performance.tell_timeout()
            return 1
        return 0

    def recover(self, reason: str) -> None:
        super().recover(reason)
        self._driver.reload()


@dataclass
class _Step:
    id: str
    actor: str
    op: str
    args: list[str]


@dataclass
class _Performance:
    """One script."""

    driver: Driver
    random: Random
    on_line: Callable[[str], None]
    clock: int = 0
    handles: dict[tuple[str, str], Operation] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    now: _Step | None = None

    def perform(self, lines: Sequence[str]) -> None:
        self.tell(e="hello", v=1, pid=1)
        block: list[_Step] | None = None
        for line in lines:
            words = [decode_token(token).decode() for token in line.split(" ")] if not line.startswith("#") else [""]
            if words[0] == "parallel":
                block = []
            elif words[0] == "end" and block is not None:
                self.side_by_side(block)
                block = None
            elif words[0] == "step":
                step = _Step(words[1], words[2], words[4], words[5:])
                if block is None:
                    self.one(step, self.tick(), self.tick())
                else:
                    block.append(step)
        self.tell(e="done", ok=True)

    def tell(self, **event: object) -> None:
        self.on_line(json.dumps(event))

    def tell_timeout(self) -> None:
        assert self.now
        pending = {"actor": self.now.actor, "id": self.now.id, "op": self.now.op, "for_ms": 10_000}
        self.tell(e="timeout", id=self.now.id, pending=[pending], what="took too long")
        self.tell(e="done", ok=False)

    def tick(self) -> int:
        self.clock += TICK
        return self.clock

    def side_by_side(self, steps: Sequence[_Step]) -> None:
        """Any order that keeps each process's own; nobody sees a call return before the last one was made."""
        lanes: dict[str, list[_Step]] = {}
        for step in steps:
            lanes.setdefault(step.actor, []).append(step)
        called = dict.fromkeys(lanes, self.tick())
        while lanes:
            actor = self.random.choice(list(lanes))
            step = lanes[actor].pop(0)
            begin, called[actor] = called[actor], self.tick()
            self.one(step, begin, called[actor])
            for dead in self.dead & lanes.keys():
                for lost in lanes[dead]:
                    self.one(lost, called[dead], called[actor])
                lanes[dead].clear()
            lanes = {actor: steps for actor, steps in lanes.items() if steps}

    def one(self, step: _Step, begin: int, end: int) -> None:
        self.now = step
        event = {"e": "op", "id": step.id, "actor": step.actor, "pid": 1, "op": step.op, "t0": begin, "t1": end}
        if step.actor in self.dead:
            self.tell(**event, ok=False, err=0, n=0, gone=True)
        elif step.op in ("open", "close", "read", "write", "ioctl", "flush"):
            self.tell(**event, **self.on_device(step))
        else:
            if step.op == "kill":
                self.kill(step.args[0])
            elif step.op == "service":
                self.driver.reload()
            self.tell(**event, ok=True, err=0, n=0)

    def kill(self, actor: str) -> None:
        self.dead.add(actor)
        for owner, handle in list(self.handles):
            if owner == actor:
                opened = self.handles.pop((owner, handle))
                self.driver.perform(replace(opened, op="close"))

    def on_device(self, step: _Step) -> dict[str, object]:
        handle, *args = step.args
        opened = self.handles.get((step.actor, handle))
        if step.op == "open":
            access = args[1].replace("0", "")
            wanted = replace(call("open", args[0]), actor=step.actor, access=access)
        elif opened is None:
            return {"handle": handle, "ok": False, "err": 6, "n": 0, "what": "the handle is not open"}
        else:
            wanted = replace(_asked(step.op, opened.path, args), actor=step.actor, access=opened.access)
        done = self.driver.perform(wanted)
        if step.op == "open" and done.ok:
            self.handles[step.actor, handle] = done
        elif step.op == "close":
            self.handles.pop((step.actor, handle), None)
        seen = {"handle": handle, "ok": done.ok, "err": done.error, "n": done.moved or 0}
        return seen if done.data is None else seen | {"data": done.data.hex()}


def _asked(op: str, path: str, args: Sequence[str]) -> Operation:
    if op == "write":
        data = _data(args[0])
        return replace(call("write", path), argument=data, asked=len(data))
    if op == "read":
        return replace(call("read", path), target=args[0], asked=int(args[0].rpartition(":")[2]))
    if op == "ioctl":
        code, source, target = args
        room = int(target.rpartition(":")[2])
        return replace(call("ioctl", path), code=int(code, 16), argument=_data(source), target=target, asked=room)
    return call(op, path)


def _data(token: str) -> Data:
    kind, _, rest = token.partition(":")
    if kind == "hex":
        return Bytes(bytes.fromhex(rest))
    if kind == "fill":
        length, _, seed = rest.partition(":")
        return Fill(int(length), int(seed))
    return Pointer(kind, int(rest))
