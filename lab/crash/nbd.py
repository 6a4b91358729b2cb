"""A disk image that QEMU exports on a socket, read block by block.

Protocol: Network Block Device, fixed newstyle negotiation (the NBD project's doc/proto.md); only reads.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

_GREETING = b"NBDMAGICIHAVEOPT"
_FIXED_NEWSTYLE, _NO_ZEROES = 1, 2
_EXPORT_NAME = 1
_REQUEST, _REPLY = 0x25609513, 0x67446698
_READ = 0
MAX_READ = 16 << 20
"""Bytes of one request; servers take 32 MiB."""


class NbdError(OSError):
    """The server is gone, refuses, or speaks something else."""


class NbdDisk:
    """The only export of the server at a Unix socket. Raises OSError."""

    def __init__(self, path: Path, deadline: float) -> None:
        """`deadline` is of each answer, in seconds."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(deadline)
        self._socket.connect(str(path))
        if self._receive(16) != _GREETING:
            raise NbdError("no NBD server")
        (flags,) = struct.unpack(">H", self._receive(2))
        if not flags & _FIXED_NEWSTYLE or not flags & _NO_ZEROES:
            raise NbdError("an NBD server of another age")
        self._socket.sendall(struct.pack(">I", _FIXED_NEWSTYLE | _NO_ZEROES))
        self._socket.sendall(b"IHAVEOPT" + struct.pack(">II", _EXPORT_NAME, 0))
        self.size, _ = struct.unpack(">QH", self._receive(10))
        self._count = 0

    def read(self, offset: int, count: int) -> bytes:
        """As much of that as the disk has."""
        end = min(offset + count, self.size)
        data = bytearray()
        while offset + len(data) < end:
            data += self._read_once(offset + len(data), min(MAX_READ, end - offset - len(data)))
        return bytes(data)

    def close(self) -> None:
        """The server ends when its last client leaves."""
        self._socket.close()

    def _read_once(self, offset: int, count: int) -> bytes:
        self._count += 1
        self._socket.sendall(struct.pack(">IHHQQI", _REQUEST, 0, _READ, self._count, offset, count))
        magic, error, number = struct.unpack(">IIQ", self._receive(16))
        if (magic, number) != (_REPLY, self._count):
            raise NbdError("the NBD server's answer is none")
        if error:
            raise NbdError(f"the disk cannot be read at {offset:#x}: error {error}")
        return self._receive(count)

    def _receive(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise NbdError("the NBD server is gone")
            data += piece
        return bytes(data)
