"""What a catalog needs of ASN.1's Distinguished Encoding Rules (ITU-T X.690); each function gives one element."""

from __future__ import annotations

import datetime


def sequence(*elements: bytes) -> bytes:
    return _element(0x30, b"".join(elements))


def set_of(*elements: bytes) -> bytes:
    """In the order of their encodings (X.690, 11.6)."""
    return _element(0x31, b"".join(sorted(elements)))


def explicit(number: int, element: bytes) -> bytes:
    """An element with a context-specific tag around it."""
    return _element(0xA0 | number, element)


def octets(content: bytes) -> bytes:
    return _element(0x04, content)


def null() -> bytes:
    return _element(0x05, b"")


def integer(value: int) -> bytes:
    """Of a number that is not negative."""
    return _element(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def bit_string(bits: int, count: int) -> bytes:
    """The `count` highest bits of one byte; zeros at its end are cut off by those who name bits (X.690, 11.2.2)."""
    return _element(0x03, bytes([8 - count, bits]))


def bmp_string(text: str) -> bytes:
    return _element(0x1E, text.encode("utf-16-be"))


def utc_time(moment: datetime.datetime) -> bytes:
    return _element(0x17, moment.strftime("%y%m%d%H%M%SZ").encode("ascii"))


def object_id(dotted: str) -> bytes:
    """`object_id("1.2.840")`."""
    first, second, *rest = map(int, dotted.split("."))
    return _element(0x06, b"".join(_base_128(each) for each in (first * 40 + second, *rest)))


def _base_128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
