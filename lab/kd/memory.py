"""Memory of a stopped target, in pieces that do not cross pages."""

from __future__ import annotations

from collections.abc import Callable

from lab.kd import requests
from lab.kd.manipulate import Manipulate

Ask = Callable[[Manipulate], Manipulate]


def read(ask: Ask, message: Callable[[int, int], Manipulate], address: int, count: int) -> bytes:
    """Up to `count` bytes; fewer when the rest is not there. `message` makes the request for a piece."""
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
