"""Bytes that go in at one end and come out at the other, while the order of writes that overlapped is left open.

For models of pipes and the like. When several processes write at the same time, nobody knows in which order their data
lies in the buffer until somebody reads it. A model that guessed would have to guess again and again: n writes can lie
in n! orders. A ByteQueue does not guess: such writes form a *group*, and a read takes whichever of its writes fits.

That is exact as long as the writes of a group could change places without anybody noticing. So a group ends (`sealed`)
when somebody sees how much is held, and when something was read since its last write and the next one might not have
fitted had it come before the reads beside it. The order in which calls returned holds always: of two writes the one
that had returned when the other was called comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lab.traffic.history import Operation, in_short


class Written:
    """The data of one write; no two are equal."""

    __slots__ = ("actor", "beside", "data", "number", "t0", "t1")

    def __init__(self, operation: Operation) -> None:
        self.data = operation.content
        self.t0 = operation.t0
        self.t1 = operation.t1
        self.actor = operation.actor
        self.number = operation.number
        self.beside = operation.beside


_SHOWN_PARTS = 4
_SHOWN_WRITES = 4

Group = frozenset[Written]
Part = bytes | Group


class ByteQueue(NamedTuple):
    """What is held: known bytes and groups, the oldest first. Immutable."""

    parts: tuple[Part, ...] = ()
    held: int = 0
    """Bytes."""
    is_open: bool = False
    """The newest part is a group that goes on."""
    is_fresh: bool = False
    """Nothing was read since the newest write: whatever comes next fits in any order with it, if it fits at all."""

    def add(self, written: Written, size: int) -> ByteQueue:
        """Append a write, all of which fits, to a buffer of `size` bytes."""
        length = len(written.data)
        if not length:
            return self
        held = self.held + length
        if self.is_open and (self.is_fresh or held + written.beside <= size):
            return ByteQueue((*self.parts[:-1], self._newest_group | {written}), held, is_open=True, is_fresh=True)
        return ByteQueue((*self.sealed().parts, frozenset((written,))), held, is_open=True, is_fresh=True)

    def add_bytes(self, data: bytes) -> ByteQueue:
        """Append data whose place is certain."""
        if not data:
            return self.sealed()
        parts = self.sealed().parts
        if parts and isinstance(parts[-1], bytes):
            return ByteQueue((*parts[:-1], parts[-1] + data), self.held + len(data))
        return ByteQueue((*parts, data), self.held + len(data))

    def sealed(self) -> ByteQueue:
        """The same, and whatever is written from now on comes after all that is held."""
        if not self.is_open:
            return self
        if len(self._newest_group) > 1:
            return self._replace(is_open=False, is_fresh=False)
        (only,) = self._newest_group
        return ByteQueue(self.parts[:-1], self.held - len(only.data)).add_bytes(only.data)

    @property
    def _newest_group(self) -> Group:
        newest = self.parts[-1]
        return newest if isinstance(newest, frozenset) else frozenset()

    def take(self, count: int, seen: bytes | None) -> Iterator[ByteQueue]:
        """What can be left when `count` bytes, at most those held, have come out and were `seen` (None: not known)."""
        todo: list[tuple[tuple[Part, ...], int]] = [(self.parts, 0)]
        while todo:
            parts, done = todo.pop()
            if done == count:
                yield self._left(parts, self.held - count)
                continue
            first, others = parts[0], parts[1:]
            if isinstance(first, bytes):
                length = min(len(first), count - done)
                if seen is None or seen.startswith(first if length == len(first) else first[:length], done):
                    todo.append(((first[length:], *others) if length < len(first) else others, done + length))
                continue
            for written in reversed(_possible_first(first)):
                data = written.data
                length = min(len(data), count - done)
                if seen is None or seen.startswith(data if length == len(data) else data[:length], done):
                    rest: tuple[Part, ...] = (data[length:],) if length < len(data) else ()
                    group: tuple[Part, ...] = (first - {written},) if len(first) > 1 else ()
                    todo.append((rest + group + others, done + length))

    def _left(self, parts: tuple[Part, ...], held: int) -> ByteQueue:
        return ByteQueue(parts, held, self.is_open and bool(parts) and isinstance(parts[-1], frozenset))

    def __str__(self) -> str:
        shown = [_in_words(part) for part in self.parts[:_SHOWN_PARTS]]
        more = len(self.parts) - _SHOWN_PARTS
        return " then ".join(shown + [f"{more} more"] * (more > 0)) or "nothing"


def _possible_first(group: Group) -> list[Written]:
    """The writes of a group that no other one of it must precede, the first to return first."""
    earliest = min(written.t1 for written in group)
    first: dict[str, Written] = {}
    for written in sorted(group, key=_number):
        if written.t0 <= earliest:
            first.setdefault(written.actor, written)
    return list(first.values())


def _number(written: Written) -> int:
    return written.number


def _in_words(part: Part) -> str:
    if isinstance(part, bytes):
        return _data_in_words(part)
    if len(part) > _SHOWN_WRITES:
        return f"({len(part)} writes of {sum(len(written.data) for written in part)} bytes in some order)"
    writes = [_data_in_words(written.data) for written in sorted(part, key=_number)]
    return writes[0] if len(writes) == 1 else f"({' and '.join(writes)} in some order)"


def _data_in_words(data: bytes, shown: int = 24) -> str:
    return in_short(data, shown) + (f" ({len(data)} bytes)" if len(data) > shown else "")
