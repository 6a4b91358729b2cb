"""STATE_MANIPULATE messages: requests to a stopped target and its replies."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from enum import IntEnum

from lab.kd.context import Context
from lab.kd.errors import MalformedMessageError
from lab.kd.state_change import Machine

_HEADER = struct.Struct("<IHHII40s")
HEADER_SIZE = _HEADER.size
STATUS_PENDING = 0x103
STATUS_UNSUCCESSFUL = 0xC0000001
DBG_CONTINUE = 0x00010002
DBG_EXCEPTION_HANDLED = 0x00010001
DBG_EXCEPTION_NOT_HANDLED = 0x80010001
MAX_READ = 2048
"""Bytes per read request: half a page, so that a read that fails does so for one page only."""


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
    WRITE_MSR = 0x3153
    SEARCH_MEMORY = 0x3156
    FILL_MEMORY = 0x315B
    QUERY_MEMORY = 0x315C
    GET_CONTEXT_EX = 0x315F
    SET_CONTEXT_EX = 0x3160


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

    def fails_with(self, status: int) -> Manipulate:
        """The reply of a target that refuses this request."""
        return replace(self, status=status, data=b"")


def decode(payload: bytes) -> Manipulate:
    """Raises MalformedMessageError when it is too short."""
    if len(payload) < HEADER_SIZE:
        raise MalformedMessageError(f"STATE_MANIPULATE of {len(payload)} bytes")
    api, level, processor, status, padding, union = _HEADER.unpack_from(payload)
    return Manipulate(api, union, payload[HEADER_SIZE:], level, processor, status, padding)


def read_virtual(address: int, count: int) -> Manipulate:
    """Read at most MAX_READ bytes of virtual memory."""
    return Manipulate(Api.READ_VIRTUAL, struct.pack("<QI", address & 0xFFFFFFFFFFFFFFFF, count))


def get_context(processor: int) -> Manipulate:
    return Manipulate(Api.GET_CONTEXT, processor=processor)


def set_context(processor: int, context: Context) -> Manipulate:
    """The target refuses it unless its context was read in the same stop."""
    return Manipulate(Api.SET_CONTEXT, struct.pack("<I", context.flags), context.raw, processor=processor)


def get_version() -> Manipulate:
    return Manipulate(Api.GET_VERSION)


def go_on(status: int = DBG_CONTINUE, processor: int = 0) -> Manipulate:
    """Let the target run. Unlike Continue2 this leaves the debug registers alone, whatever the architecture."""
    return Manipulate(Api.CONTINUE, struct.pack("<I", status), processor=processor)


@dataclass(frozen=True, slots=True)
class Version:
    """A target's answer to GetVersion."""

    major: int
    build: int
    protocol: int
    flags: int
    machine: Machine | None
    """None: an architecture that this client does not know."""
    machine_number: int
    kernel_base: int
    module_list: int
    debugger_data: int


def decode_version(reply: Manipulate) -> Version:
    """The version in the reply to GetVersion."""
    major, build, protocol, _, flags, machine = struct.unpack_from("<HHBBHH", reply.union)
    base, modules, data = struct.unpack_from("<QQQ", reply.union, 16)
    known = Machine(machine) if machine in Machine._value2member_map_ else None
    return Version(major, build, protocol, flags, known, machine, base, modules, data)
