"""FILE_IO messages: the target asks the debugger for a file and waits for the answer."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lab.kd.errors import MalformedMessageError

CREATE = 0x3430
READ = 0x3431
WRITE = 0x3432
CLOSE = 0x3433
HEADER_SIZE = 64
STATUS_NO_SUCH_FILE = 0xC000000F
STATUS_INVALID_HANDLE = 0xC0000008


@dataclass(frozen=True, slots=True)
class FileRequest:
    """A request for a file; `name` is empty except for CREATE."""

    api: int
    name: str
    payload: bytes

    def refuse(self) -> bytes:
        """Payload of the FILE_IO packet that says: not served; the target then uses its own file."""
        status = STATUS_NO_SUCH_FILE if self.api == CREATE else STATUS_INVALID_HANDLE
        return self.payload[:4] + struct.pack("<I", status) + self.payload[8:HEADER_SIZE]


def decode(payload: bytes) -> FileRequest:
    """Raises MalformedMessageError when it is too short. An unknown request can be refused all the same."""
    if len(payload) < HEADER_SIZE:
        raise MalformedMessageError(f"FILE_IO of {len(payload)} bytes")
    (api,) = struct.unpack_from("<I", payload)
    name = ""
    if api == CREATE:
        name = payload[HEADER_SIZE:].decode("utf-16-le", "replace").split("\0", 1)[0]
    return FileRequest(api, name, payload)
