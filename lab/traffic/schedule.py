"""Who decides in which order the operations of parallel blocks are called; without a schedule, nobody does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.traffic.order import Orders

PENDING_MS = 100
"""An operation that has not returned after this time is pending, and others go on."""


@dataclass(frozen=True)
class Seeded:
    """The traffic program draws the order by a generator of random numbers (`driver/traffic/README.md`)."""

    seed: int

    @property
    def tokens(self) -> tuple[str, ...]:
        """As a script says it."""
        return ("seeded", str(self.seed), str(PENDING_MS))

    def to_json(self) -> dict[str, Any]:
        return {"seeded": self.seed}


@dataclass(frozen=True)
class Replayed:
    """The order is given."""

    orders: Orders
    source: str
    """Where it comes from, in words."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """As a script says it."""
        return ("replay", str(PENDING_MS))

    def to_json(self) -> dict[str, Any]:
        return {"replay": self.source}


Schedule = Seeded | Replayed
