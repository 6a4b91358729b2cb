"""A host session and a target with a wire between them that can fail, in simulated time."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from lab.kd.events import KdEvent, PrintEvent
from lab.kd.link import LinkState
from lab.kd.policy import Policy
from lab.kd.session import Session

from .target import Target

STEP = 0.005
MAX_STEPS = 200_000


@dataclass
class Faults:
    """Probabilities per piece of bytes that crosses the wire."""

    drop: float = 0.0
    flip: float = 0.0
    duplicate: float = 0.0
    piece: int = 1 << 16
    """Longest piece delivered at once."""


class Wire:
    """Runs both sides against each other until nothing is left to do."""

    def __init__(
        self,
        target: Target,
        *,
        policy: Policy | None = None,
        to_host: Faults | None = None,
        to_target: Faults | None = None,
        seed: int = 1,
    ) -> None:
        self.target = target
        self.events: list[KdEvent] = []
        self.session = Session(policy or Policy(), self.events.append)
        self.now = 100.0
        self.connected = True
        self._random = random.Random(seed)  # noqa: S311
        self._to_host = to_host or Faults()
        self._to_target = to_target or Faults()

    @property
    def printed(self) -> bytes:
        return "".join(event.text for event in self.events if isinstance(event, PrintEvent)).encode("latin-1")

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """Let at most so much simulated time pass; return whether `until` came true."""
        end = self.now + seconds
        for _ in range(MAX_STEPS):
            if self.now >= end:
                break
            if until is not None and until():
                return True
            if not self._exchange():
                self.now += STEP
        return until is not None and until()

    def stop(self) -> Future[object]:
        future: Future[object] = Future()
        self.session.run.ask_break_in(future, self.now, hold=True)  # type: ignore[arg-type]
        return future

    def sync(self) -> Future[object]:
        future: Future[object] = Future()
        self.session.run.ask_break_in(future, self.now, hold=False)  # type: ignore[arg-type]
        return future

    def resume(self) -> Future[None]:
        future: Future[None] = Future()
        self.session.run.resume(future, self.now)
        return future

    def freeze(self) -> LinkState:
        return self.session.freeze()

    def _exchange(self) -> bool:
        """Pass on what both sides have to say; False when neither had anything."""
        moved = False
        self.target.tick(self.now)
        for piece in self._spoil(self.target.take_output(), self._to_host):
            moved = True
            self._give_target(self.session.receive(piece, self.now))
            self._give_target(self.session.work(self.now))
        replies = self.session.work(self.now)
        self._give_target(replies)
        return moved or bool(replies)

    def _give_target(self, data: bytes) -> None:
        for piece in self._spoil(data, self._to_target):
            self.target.receive(piece, self.now)

    def _spoil(self, data: bytes, faults: Faults) -> list[bytes]:
        if not self.connected:
            return []
        pieces = []
        for start in range(0, len(data), faults.piece):
            piece = data[start : start + faults.piece]
            if self._random.random() < faults.drop:
                at = self._random.randrange(len(piece))
                piece = piece[:at] + piece[at + 1 :]
            if piece and self._random.random() < faults.flip:
                at = self._random.randrange(len(piece))
                piece = piece[:at] + bytes([piece[at] ^ (1 << self._random.randrange(8))]) + piece[at + 1 :]
            pieces += [piece] * (2 if self._random.random() < faults.duplicate else 1)
        return [piece for piece in pieces if piece]
