"""Copy a PE image with its checksum set, as `IMAGHELP!CheckSumMappedFile` computes it.

Windows refuses to load a driver whose checksum does not match, and lld leaves the field 0.
Usage: image_checksum.py LINKED IMAGE
"""

import struct
import sys
from pathlib import Path

# Offset of CheckSum in the optional header, from the start of the PE signature; the same for PE32 and PE32+.
CHECKSUM_FIELD = 24 + 64


def checksum_offset(image: bytes) -> int:
    """File offset of the checksum field; ValueError if the bytes are no PE image."""
    if len(image) < 0x40 or image[:2] != b"MZ":
        raise ValueError("not a PE image: no MZ header")
    (pe,) = struct.unpack_from("<I", image, 0x3C)
    if image[pe : pe + 4] != b"PE\0\0" or len(image) < pe + CHECKSUM_FIELD + 4:
        raise ValueError("not a PE image: no PE header")
    return int(pe + CHECKSUM_FIELD)


def checksum(image: bytes) -> int:
    """16-bit one's complement sum of the file, the checksum field counted as 0, plus the file's length."""
    field = checksum_offset(image)
    data = image[:field] + bytes(4) + image[field + 4 :]
    total = sum(struct.unpack(f"<{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total + len(image)


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    linked, target = map(Path, sys.argv[1:])
    try:
        image = bytearray(linked.read_bytes())
        struct.pack_into("<I", image, checksum_offset(image), checksum(image))
    except (OSError, ValueError) as error:
        print(f"image_checksum.py: {linked}: {error}", file=sys.stderr)
        return 1
    unfinished = target.with_name(target.name + ".tmp")
    unfinished.write_bytes(image)
    unfinished.replace(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
