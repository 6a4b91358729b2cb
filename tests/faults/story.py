"""A short story told over a line on which single packets are tampered with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kdstub.records import module_record, print_record

from lab.kd.events import KdEvent, ModuleEvent, PrintEvent, ResyncEvent

from .joined import Joined
from .line import Line, packets_of

RECORDS = (
    print_record(b"one"),
    print_record(b"two"),
    module_record(b"x.sys", 0x10000),
    print_record(b"three"),
    print_record(b"four"),
    module_record(b"y.sys", 0x20000),
    print_record(b"five"),
    print_record(b"six"),
)
TEXT = ["one", "two", "x.sys", "three", "four", "y.sys", "five", "six"]
END = TEXT[-1]
# What crosses an undamaged line. Target to host: one two x.sys (Continue's ACK) three four y.sys (ACK) five six.
# Host to target: ACK ACK ACK Continue ACK ACK ACK Continue ACK ACK.
ONE, TWO, LOAD_X, CONTINUE_X_ACK, THREE, FOUR, LOAD_Y, CONTINUE_Y_ACK, FIVE, SIX = range(10)
ACK_ONE, ACK_TWO, ACK_X, CONTINUE_X, ACK_THREE, ACK_FOUR, ACK_Y, CONTINUE_Y, ACK_FIVE, ACK_SIX = range(10)

Tampering = Mapping[int, Callable[[bytes], bytes]]


def lose(_: bytes) -> bytes:
    return b""


@dataclass
class Told:
    """What the host has to say of it."""

    texts: list[str] = field(default_factory=list)
    resyncs: int = 0


class Story:
    """`up` (target to host) and `down`: what happens to which packet, counted from 0."""

    def __init__(self, library: Path, *, up: Tampering | None = None, down: Tampering | None = None) -> None:
        self.told = Told()
        self.joined = Joined(library, self._emit)
        self.sent: dict[str, list[bytes]] = {"up": [], "down": []}
        self._tamper("up", self.joined.up, up or {})
        self._tamper("down", self.joined.down, down or {})
        self.joined.write(*RECORDS)

    def tell(self, milliseconds: int = 16_000) -> Told:
        """To its end, or as far as it gets; and a little further."""
        self.joined.run(lambda: END in self.told.texts, milliseconds)
        self.joined.run(lambda: False, 2500)
        return self.told

    def close(self) -> None:
        self.joined.close()

    def _tamper(self, name: str, line: Line, tampering: Tampering) -> None:
        send, sent = line.send, self.sent[name]

        def tampered(raw: bytes, now: int) -> None:
            for packet in packets_of(raw):
                send(tampering.get(len(sent), bytes)(packet), now)
                sent.append(packet)

        line.send = tampered  # type: ignore[method-assign]

    def _emit(self, event: KdEvent) -> None:
        if isinstance(event, PrintEvent):
            self.told.texts.append(event.text)
        elif isinstance(event, ModuleEvent):
            self.told.texts.append(event.name)
        elif isinstance(event, ResyncEvent):
            self.told.resyncs += 1


def tell(library: Path, *, up: Tampering | None = None, down: Tampering | None = None) -> Told:
    """The whole story, and what came of it."""
    story = Story(library, up=up, down=down)
    try:
        return story.tell()
    finally:
        story.close()
