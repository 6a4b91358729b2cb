"""The identity of a PDB file, read from its multi-stream container."""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from pathlib import Path

_MAGIC = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"
_INFORMATION_STREAM = 1
_NO_STREAM = 0xFFFFFFFF


@dataclass(frozen=True)
class Identity:
    """What a PE image's RSDS record names, and what its PDB must answer with."""

    guid: uuid.UUID
    age: int


def read_identity(path: Path) -> Identity:
    """GUID and age from the PDB's information stream; ValueError if the file is no PDB."""
    data = path.read_bytes()
    if not data.startswith(_MAGIC):
        raise ValueError(f"{path} is no PDB")
    block_size: int
    block_size, _, _, directory_size, _, map_block = struct.unpack_from("<6I", data, len(_MAGIC))

    def blocks_of(size: int) -> int:
        return -(-size // block_size)

    def gather(blocks: tuple[int, ...]) -> bytes:
        return b"".join(data[block * block_size : (block + 1) * block_size] for block in blocks)

    directory = gather(struct.unpack_from(f"<{blocks_of(directory_size)}I", data, map_block * block_size))
    (streams,) = struct.unpack_from("<I", directory)
    sizes = [0 if size == _NO_STREAM else size for size in struct.unpack_from(f"<{streams}I", directory, 4)]
    before = sum(blocks_of(size) for size in sizes[:_INFORMATION_STREAM])
    offset = 4 + 4 * streams + 4 * before
    count = blocks_of(sizes[_INFORMATION_STREAM])
    stream = gather(struct.unpack_from(f"<{count}I", directory, offset))
    _, _, age = struct.unpack_from("<3I", stream)
    return Identity(uuid.UUID(bytes_le=stream[12:28]), age)
