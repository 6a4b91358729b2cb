"""A target's memory for tests: images of the real driver, and whatever a test puts beside them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

from lab.symbols.image import Image

BUILD = Path(__file__).parents[2] / "driver" / "build"
BASE = 0xFFFFF80011230000


@dataclass
class Memory:
    """Pieces of memory by their addresses; `read` gives what is there."""

    pieces: dict[int, bytes] = field(default_factory=dict)

    def read(self, address: int, count: int) -> bytes:
        for base, data in self.pieces.items():
            if base <= address < base + len(data):
                return data[address - base : address - base + count]
        return b""

    def map_image(self, path: Path, base: int) -> Image:
        """Lay an image out as a loader would."""
        image = Image.from_file(path)
        data = bytearray(image.size)
        for rva in range(0, image.size, 0x200):
            piece = image.read(rva, 0x200)
            data[rva : rva + len(piece)] = piece
        self.pieces[base] = bytes(data)
        return image

    def put(self, address: int, form: str, *values: int) -> None:
        """A packed structure of its own at an address."""
        self.pieces[address] = struct.pack(form, *values)


def bare_image(directories: dict[int, tuple[int, int]]) -> bytearray:
    """An image of 0x3000 bytes with code at +0x1000 and these data directories, for a test to fill in."""
    image = bytearray(0x3000)
    image[:2] = b"MZ"
    struct.pack_into("<I", image, 0x3C, 0x80)
    struct.pack_into("<4sHHI8xHH", image, 0x80, b"PE\0\0", 0x8664, 1, 0, 0xF0, 0)
    struct.pack_into("<III", image, 0x98 + 0x38, len(image), 0x400, 0)
    for index, place in directories.items():
        struct.pack_into("<II", image, 0x98 + 0x70 + index * 8, *place)
    struct.pack_into("<8sII20xI", image, 0x98 + 0xF0, b".text", 0x1000, 0x1000, 0x60000020)
    image[0x1000:0x2000] = b"\x90" * 0x1000
    return image
