"""What a target or a file sends by chance or on purpose: an error or an answer, never anything else."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.symbols.errors import BadImageError, UnreadableError
from lab.symbols.image import Image
from lab.symbols.show import describe, show
from lab.symbols.type_records import Leaf, TypeRecords
from lab.symbols.type_table import TypeTable
from lab.symbols.types import Structure
from lab.symbols.unwind_info import read_unwind_info
from lab.symbols.value import Value

from .memory import Memory

_indices = st.integers(0x1000, 0x1010) | st.sampled_from([0x03, 0x22, 0x70, 0x603, 0x1FFFFFFF])
_kinds = st.sampled_from([int(each) for each in Leaf])
_payloads = st.binary(max_size=40) | st.builds(
    lambda indices, tail: struct.pack(f"<{len(indices)}I", *indices) + tail,
    st.lists(_indices, max_size=5),
    st.binary(max_size=12),
)


def stream(records: list[tuple[int, bytes]]) -> bytes:
    body = b"".join(struct.pack("<HH", len(payload) + 2, kind) + payload for kind, payload in records)
    return struct.pack("<5I36x", 20040203, 56, 0x1000, 0x1000 + len(records), len(body)) + body


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(_kinds, _payloads), max_size=16), st.binary(max_size=64))
def test_any_type_records_give_types_that_can_be_shown(records: list[tuple[int, bytes]], memory: bytes) -> None:
    table = TypeTable(TypeRecords(stream(records)), {"A": 0x1000})
    read = Memory({0x1000: memory}).read
    for index in range(0x1000, 0x1000 + len(records)):
        kind = table.type(index)
        if isinstance(kind, Structure):
            assert list(describe(kind))
        assert list(show(Value(kind, 0x1000, read, lambda _: table.type(0x22)), depth=2))
    assert table.named("A") is not None or not records


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_as_type_stream(data: bytes) -> None:
    try:
        table = TypeTable(TypeRecords(data))
    except BadImageError:
        return
    assert table.names() is not None


@settings(deadline=None)
@given(st.binary(max_size=0x400), st.lists(st.tuples(st.integers(0, 0x3FF), st.binary(max_size=8)), max_size=8))
def test_any_bytes_as_image(tail: bytes, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(0x400)
    data[:2], data[0x3C:0x40], data[0x80:0x84] = b"MZ", struct.pack("<I", 0x80), b"PE\0\0"
    struct.pack_into("<HH", data, 0x84, 0x8664, 2)
    struct.pack_into("<H", data, 0x94, 0xF0)
    for at, piece in changes:
        data[at : at + len(piece)] = piece
    memory = Memory({0: bytes(data) + tail})
    try:
        image = Image(memory.read)
        assert image.functions is not None
        assert image.exports is not None
        assert image.pdb is None or image.pdb.age >= 0
    except (BadImageError, UnreadableError):
        return


@settings(deadline=None)
@given(st.binary(min_size=4, max_size=200))
def test_any_bytes_as_unwind_information(data: bytes) -> None:
    try:
        read_unwind_info(Memory({0x1000: data}).read, 0x1000)
    except (BadImageError, UnreadableError):
        return
