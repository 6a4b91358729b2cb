"""What a link tells those above it."""

from __future__ import annotations

from dataclasses import dataclass

from lab.kd.packets import Noise, PacketType


@dataclass(frozen=True, slots=True)
class Received:
    """A data packet from the target: acknowledged, in order, given out once."""

    type: PacketType
    payload: bytes


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The target has our data packet."""

    type: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Resynchronised:
    """The target restarted its id streams: boot, reboot, or it had lost us. What was unsent or unacknowledged is void.

    `by_reset`: in answer to a RESET, so that it means neither boot nor loss.
    """

    by_reset: bool = False


LinkEvent = Received | Acknowledged | Resynchronised | Noise


@dataclass
class Counters:
    """What went over the link."""

    accepted: int = 0
    duplicates: int = 0
    retransmissions: int = 0
    noise_bytes: int = 0
    resyncs: int = 0
