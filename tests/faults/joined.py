"""The client's session and the real stub of the Wine guest, joined by two bad lines in simulated time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from kdstub.simulation import Target as Stub

from lab.kd.events import KdEvent
from lab.kd.policy import Policy
from lab.kd.session import Session

from .line import Fault, Line

PIPE_BYTES = 1 << 20
SETTLED = 10_000
"""Milliseconds after which neither side has anything left to send again."""


class Joined:
    """`now` counts milliseconds. Time passes only when nobody has anything to do."""

    def __init__(
        self,
        library: Path,
        emit: Callable[[KdEvent], None],
        *,
        seed: int = 0,
        rate: float = 0.0,
        kinds: Sequence[Fault] = tuple(Fault),
        per_byte: bool = False,
        policy: Policy | None = None,
    ) -> None:
        reading, self._carrier = os.pipe()
        self._reading = reading
        fcntl.fcntl(self._carrier, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(reading, False)
        os.set_blocking(self._carrier, False)
        rng = random.Random(seed)  # noqa: S311
        self.stub = Stub(library, reading)
        self.session = Session(policy or Policy(), emit)
        self.up = Line(rng, self._host_receives, rate, kinds, per_byte=per_byte)
        self.down = Line(rng, self._stub_receives, rate, kinds, per_byte=per_byte)
        self.now = 1000
        self._records: deque[bytes] = deque()

    def write(self, *records: bytes) -> None:
        """What the driver host writes; waits until there is room."""
        self._records.extend(records)

    @property
    def unwritten(self) -> int:
        """Records that found no room yet."""
        return len(self._records)

    def run(self, done: Callable[[], bool], limit: int) -> bool:
        """Until `done`, or for `limit` simulated milliseconds. Returns whether it is done."""
        end = self.now + limit
        while not done():
            if self.now >= end:
                return False
            self.step()
        return True

    def step(self) -> None:
        """One turn of both sides."""
        now = self.now
        if self._records:
            self._fill()
        moved = self.down.advance(now)
        out = self.stub.turn(now)
        if out:
            self.up.send(out, now)
        if self.up.advance(now) or moved or out:
            return
        self.down.send(self.session.work(now / 1000), now)
        if not self.down.due or self.down.due > now:
            self._let_time_pass()

    def close(self) -> None:
        self.stub.free()
        os.close(self._reading)
        os.close(self._carrier)

    def _let_time_pass(self) -> None:
        times = [self.up.due, self.down.due]
        due = self.stub.due()
        if due >= 0:
            times.append(due)
        if self.session.due is not None:
            times.append(int(self.session.due * 1000) + 1)
        known = [each for each in times if each is not None]
        self.now = max(self.now + 1, min(min(known, default=self.now + 100), self.now + 100))

    def _host_receives(self, raw: bytes, now: int) -> None:
        seconds = now / 1000
        self.down.send(self.session.receive(raw, seconds), now)
        self.down.send(self.session.work(seconds), now)

    def _stub_receives(self, raw: bytes, now: int) -> None:
        self.stub.receive(raw, now)

    def _fill(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._records:
                os.write(self._carrier, self._records[0])
                self._records.popleft()
