"""What cases are made of, and where they are played: a driver of lab.yaml, and what of it is worth trying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.config import Config, IoctlSpec
from lab.explore.case import Plant
from lab.traffic.model import Interests

NAMES = "names-below-device"
KILLS = "cleanup-irp"
"""Capabilities: without them a guest is spared names, and deaths of processes."""


@dataclass(frozen=True)
class Ground:
    """See above."""

    config: Config
    driver: str
    interests: Interests
    kills: bool = False
    """The driver is told when a process dies."""
    plant: Plant | None = None
    """A fault that it is told to have."""
    watch: Mapping[str, Any] = field(default_factory=dict)
    """What else every scenario says: what Driver Verifier checks, how threads are disturbed."""

    @property
    def ioctls(self) -> list[IoctlSpec]:
        """Those whose outcome can be foretold."""
        return [spec for spec in self.config.ioctls.values() if spec.code not in self.interests.unpredictable]

    @property
    def names(self) -> tuple[str, ...]:
        """Below the device; none: there is the device itself."""
        return self.interests.names

    def requires(self, *, kills: bool) -> list[str]:
        """Capabilities that a scenario of such traffic has to ask for."""
        return [NAMES] * bool(self.names) + [KILLS] * kills
