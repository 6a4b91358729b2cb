"""The order in which the operations of parallel blocks were called: seen, kept, and asked for again.

`docs/history.md` describes the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from lab.document import printable
from lab.errors import UsageError
from lab.traffic.script import CONDUCTOR

VERSION = 1
CONDUCTOR_NAME = "conductor"
"""What people call the actor that a script calls `-`."""

MAX_BYTES = 64 << 20


class Event(Enum):
    """What a turn says of its actor."""

    CALLS = "calls"
    """It calls its next operation, which returns before anybody else's turn."""
    PENDS = "pends"
    """It calls its next operation, which does not return before the next turn."""
    RETURNS = "returns"
    """What it had pending has returned by now."""


@dataclass(frozen=True)
class Turn:
    """One turn of a block: `writer`, `writer pends` or `writer returns`.

    >>> Turn.parse("reader pends")
    Turn(actor='reader', event=<Event.PENDS: 'pends'>)
    """

    actor: str
    event: Event = Event.CALLS

    @classmethod
    def parse(cls, text: str) -> Turn:
        """Raises ValueError for what is no turn."""
        actor, _, event = text.partition(" ")
        if not actor or event == Event.CALLS.value:
            raise ValueError(text)
        return cls(actor, Event(event or Event.CALLS.value))

    @property
    def script_actor(self) -> str:
        """As a script calls it."""
        return CONDUCTOR if self.actor == CONDUCTOR_NAME else self.actor

    def __str__(self) -> str:
        return self.actor if self.event is Event.CALLS else f"{self.actor} {self.event.value}"


Orders = Mapping[str, Sequence[Turn]]
"""The turns of each parallel block, by its step."""


class OrderSeen:
    """Collects the turns that the traffic program tells of."""

    def __init__(self) -> None:
        self.blocks: dict[str, list[Turn]] = {}
        self._latest: dict[tuple[str, str], int] = {}

    def take(self, block: str, actor: str, event: Event) -> None:
        """An operation is called first; that it pends is known later, perhaps after other turns."""
        name = CONDUCTOR_NAME if actor == CONDUCTOR else actor
        turns = self.blocks.setdefault(block, [])
        if event is Event.PENDS and (block, name) in self._latest:
            turns[self._latest[block, name]] = Turn(name, event)
            return
        if event is Event.CALLS:
            self._latest[block, name] = len(turns)
        turns.append(Turn(name, event))


def order_json(orders: Orders, schedule: Mapping[str, Any]) -> dict[str, Any]:
    """The content of an `order.json`; `schedule` says what the order was asked for with."""
    blocks = {block: [str(turn) for turn in turns] for block, turns in orders.items()}
    return {"v": VERSION, "schedule": dict(schedule), "blocks": blocks}


def read_order(path: Path) -> Orders:
    """The orders of a file, or of the `order.json` in a directory. Raises UsageError."""
    file = path / "order.json" if path.is_dir() else path
    advice = "name the order.json of a scenario's artifacts"
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UsageError(f"{file} is no order: longer than {MAX_BYTES >> 20} MiB", advice)
        value = json.loads(file.read_text(encoding="utf-8"))
        if value["v"] != VERSION:
            raise ValueError(f"version {value['v']!r}, not {VERSION}")
        return {str(block): [Turn.parse(turn) for turn in turns] for block, turns in value["blocks"].items()}
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", advice) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{file} is no order ({printable(f'{type(error).__name__}: {error}', 100)})", advice) from None
