"""Reading a target's memory: what everything here needs of it."""

from __future__ import annotations

from collections.abc import Callable

from lab.symbols.errors import UnreadableError

ReadMemory = Callable[[int, int], bytes]
"""`read(address, count)`: fewer bytes, or none, where the target has no memory."""

MASK64 = (1 << 64) - 1


def read_exactly(read: ReadMemory, address: int, count: int) -> bytes:
    """`count` bytes. Raises UnreadableError when some of them are not there."""
    data = read(address & MASK64, count) if count else b""
    if len(data) < count:
        raise UnreadableError(address + len(data))
    return data[:count]


def read_number(read: ReadMemory, address: int, size: int = 8) -> int:
    """An unsigned little-endian number. Raises UnreadableError."""
    return int.from_bytes(read_exactly(read, address, size), "little")
