"""The bytes that scenarios write and expect, and how a script names them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from lab.traffic.script import bytes_token

MAX_LENGTH = 64 << 20
"""Longest data of one operation, in bytes."""
MAX_GIVEN = 1 << 20
"""Longest data that stands in a script byte by byte."""
TOLD = 64 << 10
"""Of data that is longer, the guest tells the SHA-256 only."""

_PERIOD = 1 << 16
"""The pattern's."""


def pattern(length: int, seed: int, skip: int = 0) -> bytes:
    """The traffic program's `fill` pattern: byte i is (seed*31 + i*7 + (i>>8)*13) & 0xff.

    >>> pattern(4, 1).hex()
    '1f262d34'
    >>> pattern(2, 1, skip=2).hex()
    '2d34'
    """
    base = seed * 31
    first = min(length, _PERIOD)
    period = bytes((base + i * 7 + (i >> 8) * 13) & 0xFF for i in range(skip, skip + first))
    return period if length <= _PERIOD else (period * (length // _PERIOD + 1))[:length]


@dataclass(frozen=True)
class Bytes:
    """Data that the host knows."""

    value: bytes

    @property
    def token(self) -> str:
        return bytes_token(self.value)

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal."""
        return sha256(self.value).hexdigest()

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True)
class Fill:
    """The pattern of `pattern()`, made in the guest so that long data does not cross the network."""

    length: int
    seed: int

    @property
    def token(self) -> str:
        return f"fill:{self.length}:{self.seed}"

    @property
    def value(self) -> bytes:
        return pattern(self.length, self.seed)

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal; the bytes are never all in memory."""
        period, whole = pattern(min(self.length, _PERIOD), self.seed), sha256()
        for _ in range(self.length // _PERIOD):
            whole.update(period)
        whole.update(period[: self.length % _PERIOD])
        return whole.hexdigest()

    def __len__(self) -> int:
        return self.length


@dataclass(frozen=True)
class Pointer:
    """A buffer that is not there: `null` (no address) or `bad` (an address that nothing is mapped at)."""

    kind: str
    length: int

    @property
    def token(self) -> str:
        return f"{self.kind}:{self.length}"

    def __len__(self) -> int:
        return self.length


Data = Bytes | Fill | Pointer
