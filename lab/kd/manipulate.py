"""STATE_MANIPULATE messages: requests to a stopped target and its replies."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from enum import IntEnum

from lab.kd.errors import MalformedMessageError

_HEADER = struct.Struct("<IHHII40s")
HEADER_SIZE = _HEADER.size
STATUS_PENDING = 0x103
STATUS_UNSUCCESSFUL = 0xC0000001


class Api(IntEnum):
    """Requests, by their number on the wire."""

    READ_VIRTUAL = 0x3130
    WRITE_VIRTUAL = 0x3131
    GET_CONTEXT = 0x3132
    SET_CONTEXT = 0x3133
    WRITE_BREAKPOINT = 0x3134
    RESTORE_BREAKPOINT = 0x3135
    CONTINUE = 0x3136
    READ_CONTROL_SPACE = 0x3137
    WRITE_CONTROL_SPACE = 0x3138
    REBOOT = 0x313B
    CONTINUE2 = 0x313C
    READ_PHYSICAL = 0x313D
    WRITE_PHYSICAL = 0x313E
    GET_VERSION = 0x3146
    CAUSE_BUGCHECK = 0x3149
    SWITCH_PROCESSOR = 0x3150
    READ_MSR = 0x3152
    SEARCH_MEMORY = 0x3156
    FILL_MEMORY = 0x315B
    QUERY_MEMORY = 0x315C


_BY_ADDRESS = frozenset(
    {
        Api.READ_VIRTUAL,
        Api.WRITE_VIRTUAL,
        Api.READ_PHYSICAL,
        Api.WRITE_PHYSICAL,
        Api.READ_CONTROL_SPACE,
        Api.QUERY_MEMORY,
    }
)
CONTINUES = frozenset({Api.CONTINUE, Api.CONTINUE2, Api.REBOOT, Api.CAUSE_BUGCHECK})
"""Requests that have no reply, and after which the target is not stopped any more."""


@dataclass(frozen=True, slots=True)
class Manipulate:
    """A request or a reply. `union` is the 40 bytes whose meaning depends on `api`; replies echo the request's."""

    api: int
    union: bytes = bytes(40)
    data: bytes = b""
    level: int = 0
    processor: int = 0
    status: int = STATUS_PENDING
    padding: int = 0

    def encode(self) -> bytes:
        union = self.union.ljust(40, b"\0")
        return _HEADER.pack(self.api, self.level, self.processor, self.status, self.padding, union) + self.data

    @property
    def failed(self) -> bool:
        """A reply whose status is an error; its data can be valid all the same."""
        return self.status >= 0x80000000

    @property
    def moved(self) -> int:
        """Bytes that a memory request really moved, as the reply says."""
        return int.from_bytes(self.union[12:16], "little")

    def moved_data(self, wanted: int) -> bytes:
        """The data of a reply to a request for `wanted` bytes: no more than the target says that it read."""
        data = self.data[:wanted]
        return data[: self.moved] if self.moved or self.failed else data

    def answers(self, request: Manipulate) -> bool:
        """Is this the reply to `request`, and not a late one to another? Of addresses the low half is compared."""
        if self.api != request.api:
            return False
        return request.api not in _BY_ADDRESS or self.union[:4] == request.union[:4]

    def fails_with(self, status: int) -> Manipulate:
        """The reply of a target that refuses this request."""
        return replace(self, status=status, data=b"")


def decode(payload: bytes) -> Manipulate:
    """Raises MalformedMessageError when it is too short."""
    if len(payload) < HEADER_SIZE:
        raise MalformedMessageError(f"STATE_MANIPULATE of {len(payload)} bytes")
    api, level, processor, status, padding, union = _HEADER.unpack_from(payload)
    return Manipulate(api, union, payload[HEADER_SIZE:], level, processor, status, padding)
