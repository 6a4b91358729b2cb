"""Somebody who takes the debugger's part: sees every stop, and decides when the target runs on."""

from __future__ import annotations

from typing import Protocol


class Owner(Protocol):
    """Attached to a client, it gets what the target says as raw payloads. The log goes on beside it.

    All methods are called on the client's reader thread: they must not block, and must not raise.
    """

    def printed(self, payload: bytes) -> None:
        """A DEBUG_IO print."""

    def stopped(self, payload: bytes) -> None:
        """A STATE_CHANGE64, of a module load too: the target stays stopped until the owner relays a Continue."""

    def replied(self, payload: bytes) -> None:
        """The STATE_MANIPULATE reply to a relayed request, as the target sent it."""

    def prompted(self, payload: bytes) -> None:
        """A DEBUG_IO GetString: the target waits until the owner answers it."""

    def lost(self) -> None:
        """The link is gone, or the target restarted or went back in time: what was asked before is void."""
