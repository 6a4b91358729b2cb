"""Breakpoints that a target is to have, and which of them it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.errors import UsageError
from lab.kd import requests
from lab.kd.memory import Ask
from lab.kd.requests import BREAKPOINT_HANDLES

WINDOW = 16
"""A target that stops forgets its breakpoints in so many bytes from the program counter on: those that it reports."""


@dataclass(eq=False)
class Breakpoint:
    """A place to stop at. `handle` is the target's; None while the target has none for it."""

    address: int
    handle: int | None = None


class Breakpoints:
    """The wanted ones, by address. `ask` sends a request and returns the reply."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._wanted: dict[int, Breakpoint] = {}

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter(list(self._wanted.values()))

    def __len__(self) -> int:
        return len(self._wanted)

    def __contains__(self, address: int) -> bool:
        return address in self._wanted

    def set(self, address: int, counter: int) -> Breakpoint:
        """Want one at `address`. At the program counter the target gets it later: what is there is executed first.

        Raises UsageError when it cannot be set, or would be one too many.
        """
        if address not in self._wanted and len(self._wanted) >= len(BREAKPOINT_HANDLES):
            raise UsageError(f"a target has {len(BREAKPOINT_HANDLES)} breakpoints, no more", "clear one first")
        wanted = self._wanted.setdefault(address, Breakpoint(address))
        if wanted.handle is None and address != counter:
            self._give(wanted)
        return wanted

    def clear(self, address: int) -> None:
        """Want none there."""
        self.lift(address)
        self._wanted.pop(address, None)

    def stopped_at(self, address: int) -> None:
        """The target stopped there, and has forgotten those that overlap the code it reported."""
        for each in self._wanted.values():
            if 0 <= each.address - address < WINDOW:
                each.handle = None

    def begin_anew(self) -> None:
        """Another boot, or the first stop: none is wanted, and what others left in the target is cleared."""
        self._wanted.clear()
        for handle in BREAKPOINT_HANDLES:
            self._ask(requests.restore_breakpoint(handle))

    def arm(self, but: int | None = None) -> None:
        """Give the target those that it has not, except at the address `but`."""
        for each in self:
            if each.handle is None and each.address != but:
                self._give(each)

    def lift(self, address: int) -> None:
        """Take one from the target for now."""
        wanted = self._wanted.get(address)
        if wanted is not None and wanted.handle is not None:
            self._ask(requests.restore_breakpoint(wanted.handle))
            wanted.handle = None

    def _give(self, wanted: Breakpoint) -> None:
        reply = self._ask(requests.write_breakpoint(wanted.address))
        if reply.failed:
            del self._wanted[wanted.address]
            raise UsageError(f"the target cannot stop at {wanted.address:#x}", "is code there, and paged in?")
        wanted.handle = requests.breakpoint_handle(reply)
