"""What goes wrong with images, symbols and memory."""

from __future__ import annotations

from lab.errors import UsageError


class UnreadableError(UsageError):
    """The target has no memory there."""

    def __init__(self, address: int) -> None:
        super().__init__(f"memory at {address:#x} cannot be read")
        self.address = address


class BadImageError(UsageError):
    """An image or a PDB that is not what it should be. What comes from a target is not to be trusted."""


class NoSymbolError(UsageError):
    """Nothing has that name."""
