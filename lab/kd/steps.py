"""Dialogues with a stopped target, without I/O: generators that yield requests and are sent the replies."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from lab.kd import requests
from lab.kd.manipulate import Manipulate

T = TypeVar("T")

Steps = Generator[Manipulate, Manipulate | None, T]
"""Yields requests, is sent their replies; None stands for a reply that did not come in time."""


class UnansweredError(Exception):
    """The target does not answer requests: nothing more should be asked."""


def ask(request: Manipulate) -> Steps[Manipulate]:
    """The reply, whatever its status. Raises UnansweredError."""
    reply = yield request
    if reply is None:
        raise UnansweredError
    return reply


def read(address: int, count: int) -> Steps[bytes]:
    """Up to `count` bytes of virtual memory, fewer when the rest is not there. Raises UnansweredError."""
    data = bytearray()
    while len(data) < count:
        at = address + len(data)
        wanted = min(requests.MAX_DATA - at % requests.MAX_DATA, count - len(data))
        got = (yield from ask(requests.read_virtual(at, wanted))).moved_data(wanted)
        data += got
        if len(got) < wanted:
            break
    return bytes(data)
