"""Memory of a stopped target, asked for in pieces that do not cross pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.errors import UsageError
from lab.kd import requests
from lab.kd.manipulate import Manipulate
from lab.kd.state_change import Machine, sign_extended

Ask = Callable[[Manipulate], Manipulate]
_STATUS_NO_MORE_ENTRIES = 0x8000001A
_PAGE = 0x1000
_SPACES = ("process", "session", "kernel")
MAX_PATTERN = 2048
LONGEST_SEARCH = 1 << 24
"""Bytes that are searched here, page by page, for a target that cannot search."""


@dataclass(frozen=True, slots=True)
class PageState:
    """What a target says of the page of an address. `space`: process, session or kernel."""

    space: str
    readable: bool
    writable: bool
    executable: bool


class Memory:
    """`ask` sends a request and returns the reply; what it raises, all of these raise."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.machine = Machine.AMD64

    def read(self, address: int, count: int) -> bytes:
        """Up to `count` bytes; fewer when the rest is not there."""
        return read(self._ask, requests.read_virtual, self.whole(address), count)

    def read_exactly(self, address: int, count: int) -> bytes:
        """`count` bytes. Raises UsageError when some cannot be read."""
        data = self.read(address, count)
        if len(data) < count:
            raise _absent("read", address + len(data))
        return data

    def write(self, address: int, data: bytes) -> None:
        """Write all of `data`. Raises UsageError when some of it cannot be written; what is before that is."""
        self._write(requests.write_virtual, self.whole(address), data)

    def read_physical(self, address: int, count: int) -> bytes:
        """Up to `count` bytes at a physical address; fewer when the rest is not there."""
        return read(self._ask, requests.read_physical, address, count)

    def write_physical(self, address: int, data: bytes) -> None:
        """Like `write`, at a physical address."""
        self._write(requests.write_physical, address, data)

    def fill(self, address: int, length: int, pattern: bytes) -> None:
        """Repeat `pattern` over `length` bytes. Raises UsageError like `write`."""
        _check(pattern)
        address = self.whole(address)
        if self._ask(requests.fill_memory(address, length, pattern)).failed:
            self.write(address, (pattern * (length // len(pattern) + 1))[:length])

    def search(self, address: int, length: int, pattern: bytes) -> int | None:
        """Address of the first `pattern` in `length` bytes; None when there is none that can be read.

        Raises UsageError when the target cannot search itself and `length` is more than LONGEST_SEARCH.
        """
        _check(pattern)
        address = self.whole(address)
        reply = self._ask(requests.search_memory(address, length, pattern))
        if not reply.failed:
            return int.from_bytes(reply.union[:8], "little")
        if reply.status == _STATUS_NO_MORE_ENTRIES:
            return None
        if length > LONGEST_SEARCH:
            raise UsageError("the target cannot search its memory", f"search at most {LONGEST_SEARCH} bytes at a time")
        return self._search_here(address, length, pattern)

    def query(self, address: int) -> PageState | None:
        """What the target says of an address; None when it does not."""
        reply = self._ask(requests.query_memory(self.whole(address)))
        if reply.failed:
            return None
        space = int.from_bytes(reply.union[16:20], "little")
        flags = int.from_bytes(reply.union[20:24], "little")
        name = _SPACES[space] if space < len(_SPACES) else f"space {space}"
        return PageState(name, bool(flags & 1), bool(flags & 2), bool(flags & 4))

    def _write(self, message: Callable[[int, bytes], Manipulate], address: int, data: bytes) -> None:
        done = write(self._ask, message, address, data)
        if done < len(data):
            raise _absent("written", address + done)

    def _search_here(self, address: int, length: int, pattern: bytes) -> int | None:
        at, end, tail = address, address + length, b""
        while at < end:
            wanted = min(_PAGE - at % _PAGE, end - at)
            page = self.read(at, wanted)
            found = (tail + page).find(pattern)
            if found >= 0:
                return at - len(tail) + found
            tail = (tail + page)[-(len(pattern) - 1) :] if len(page) == wanted and len(pattern) > 1 else b""
            at += wanted
        return None

    def whole(self, address: int) -> int:
        """An address as the protocol has it: those of 32-bit targets are extended by the sign."""
        return sign_extended(address) if self.machine is Machine.I386 else address


def read(ask: Ask, message: Callable[[int, int], Manipulate], address: int, count: int) -> bytes:
    """Up to `count` bytes. `message` makes the request for a piece."""
    data = bytearray()
    while len(data) < count:
        at = address + len(data)
        wanted = min(_room(at), count - len(data))
        got = ask(message(at, wanted)).moved_data(wanted)
        data += got
        if len(got) < wanted:
            break
    return bytes(data)


def write(ask: Ask, message: Callable[[int, bytes], Manipulate], address: int, data: bytes) -> int:
    """How many bytes were written, from the first on; fewer than all when the rest cannot be."""
    done = 0
    while done < len(data):
        piece = data[done : done + _room(address + done)]
        reply = ask(message(address + done, piece))
        moved = min(reply.moved, len(piece)) if reply.moved or reply.failed else len(piece)
        done += moved
        if moved < len(piece):
            break
    return done


def _room(address: int) -> int:
    """Bytes from `address` on that one request can have."""
    return requests.MAX_DATA - address % requests.MAX_DATA


def _check(pattern: bytes) -> None:
    if not 0 < len(pattern) <= MAX_PATTERN:
        raise UsageError(f"a pattern of {len(pattern)} bytes", f"give 1 to {MAX_PATTERN}")


def _absent(done: str, address: int) -> UsageError:
    return UsageError(f"the target's memory at {address:#x} cannot be {done}", "is the address right, and paged in?")
