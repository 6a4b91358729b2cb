"""FILE_IO messages: the target asks the debugger for a file and waits for the answer."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lab.kd.errors import MalformedMessageError
from lab.kd.packets import MAX_PAYLOAD

CREATE = 0x3430
READ = 0x3431
WRITE = 0x3432
CLOSE = 0x3433
HEADER_SIZE = 64
MAX_DATA = MAX_PAYLOAD - HEADER_SIZE
STATUS_SUCCESS = 0
STATUS_NO_SUCH_FILE = 0xC000000F
STATUS_INVALID_HANDLE = 0xC0000008
STATUS_END_OF_FILE = 0xC0000011
STATUS_TOO_MANY_OPENED_FILES = 0xC000011F
STATUS_ACCESS_DENIED = 0xC0000022
STATUS_FILE_INVALID = 0xC0000098
_HANDLE_AND_LENGTH = struct.Struct("<QQ")
_READ = struct.Struct("<QQI")


@dataclass(frozen=True, slots=True)
class FileRequest:
    """A request for a file; `name` is empty except for CREATE."""

    api: int
    name: str
    payload: bytes

    @property
    def handle(self) -> int:
        """Of the file to read, write or close."""
        return int.from_bytes(self.payload[8:16], "little")

    @property
    def offset(self) -> int:
        """Where to read, in bytes."""
        return int(_READ.unpack_from(self.payload, 8)[1])

    @property
    def length(self) -> int:
        """How much to read, in bytes."""
        return int(_READ.unpack_from(self.payload, 8)[2])

    def answer(self, status: int) -> bytes:
        """Payload of the FILE_IO packet that answers with a status alone."""
        return self.payload[:4] + struct.pack("<I", status) + self.payload[8:HEADER_SIZE]

    def refuse(self) -> bytes:
        """The answer that says: not served; the target then uses its own file."""
        return self.answer(STATUS_NO_SUCH_FILE if self.api == CREATE else STATUS_INVALID_HANDLE)

    def opened(self, handle: int, length: int) -> bytes:
        """The answer to CREATE: the file's handle, and its length in bytes."""
        reply = bytearray(self.answer(STATUS_SUCCESS))
        _HANDLE_AND_LENGTH.pack_into(reply, 32, handle, length)
        return bytes(reply)

    def read(self, data: bytes) -> bytes:
        """The answer to READ, with at most MAX_DATA bytes."""
        reply = bytearray(self.answer(STATUS_SUCCESS))
        struct.pack_into("<I", reply, 24, len(data))
        return bytes(reply) + data


def decode(payload: bytes) -> FileRequest:
    """Raises MalformedMessageError when it is too short. An unknown request can be refused all the same."""
    if len(payload) < HEADER_SIZE:
        raise MalformedMessageError(f"FILE_IO of {len(payload)} bytes")
    (api,) = struct.unpack_from("<I", payload)
    name = ""
    if api == CREATE:
        name = payload[HEADER_SIZE:].decode("utf-16-le", "replace").split("\0", 1)[0]
    return FileRequest(api, name, payload)
