"""A link as it is stored beside a snapshot of the target."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from lab.errors import UsageError
from lab.kd.packets import INITIAL_ID


@dataclass(frozen=True)
class LinkState:
    """A link at one moment, with the stop that was current: stored beside a snapshot, as JSON.

    `session` belongs to the layer above; the rest is the link's own. Byte strings are hexadecimal.
    """

    send_id: int = INITIAL_ID
    expected_id: int | None = None
    """None: nothing was received yet, so that the first packet is accepted whatever its id."""
    outstanding: tuple[int, str] | None = None
    """Type and payload of our data packet that was not acknowledged."""
    last: tuple[int, int, str] | None = None
    """Id without SYNC, type and payload of the newest packet accepted."""
    pending: str = ""
    """Beginning of a packet whose rest the target was about to send."""
    session: dict[str, Any] = field(default_factory=dict)
    version: int = 1

    def to_json(self) -> dict[str, Any]:
        """For `json.dump`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LinkState:
        """Raises UsageError when `data` is not what `to_json` of this version makes."""
        names = {each.name for each in fields(cls)}
        if data.get("version") != 1 or set(data) != names:
            raise UsageError("the debugger link state of the snapshot has another format", "take the snapshot again")
        outstanding, last = data["outstanding"], data["last"]
        return cls(
            int(data["send_id"]),
            None if data["expected_id"] is None else int(data["expected_id"]),
            (int(outstanding[0]), str(outstanding[1])) if outstanding else None,
            (int(last[0]), int(last[1]), str(last[2])) if last else None,
            str(data["pending"]),
            dict(data["session"]),
        )
