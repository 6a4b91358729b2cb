"""What is known of a target."""

from __future__ import annotations

from enum import StrEnum


class KdState(StrEnum):
    """What the client knows about the target."""

    UNKNOWN = "unknown"
    RUNNING = "running"
    STOPPED = "stopped"
    LOST = "lost"
    """The other side closed the connection."""
    CLOSED = "closed"
    """We closed it."""
