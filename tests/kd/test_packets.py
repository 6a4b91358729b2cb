from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.kd.packets import (
    INITIAL_ID,
    MAX_PAYLOAD,
    ControlPacket,
    DataPacket,
    Item,
    Noise,
    PacketType,
    Parser,
    encode_control,
    encode_data,
)

PRINT = b"\x30\x32\0\0" + bytes(12) + b"hello\n"
WHOLE = encode_data(PacketType.DEBUG_IO, INITIAL_ID, PRINT)
MAX_HELD = MAX_PAYLOAD + 17


def feed(data: bytes, size: int) -> list[Item]:
    parser = Parser()
    items: list[Item] = []
    for start in range(0, len(data), size):
        items += parser.feed(data[start : start + size])
    return items


def packets(items: list[Item]) -> list[Item]:
    return [item for item in items if not isinstance(item, Noise)]


def noise(items: list[Item]) -> bytes:
    return b"".join(item.data for item in items if isinstance(item, Noise))


def test_a_packet_has_the_layout_of_the_wire() -> None:
    data = encode_data(PacketType.DEBUG_IO, 0x80800001, b"\x01\x02\xff")
    assert data.hex() == "303030300300030001008080020100000102ffaa"
    assert encode_control(PacketType.ACKNOWLEDGE, 0x80800001).hex() == "69696969040000000100808000000000"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_packets_and_text_are_told_apart_however_they_are_cut(size: int) -> None:
    control = encode_control(PacketType.RESET)
    items = feed(b"boot 0000 text iiii\n" + WHOLE + b"0" + WHOLE + control + b"end.", size)
    assert packets(items) == [
        DataPacket(PacketType.DEBUG_IO, INITIAL_ID, PRINT),
        DataPacket(PacketType.DEBUG_IO, INITIAL_ID, PRINT),
        ControlPacket(PacketType.RESET, 0),
    ]
    assert noise(items) == b"boot 0000 text iiii\n0end."


def test_any_flipped_bit_of_payload_or_trailer_refuses_the_packet() -> None:
    for at in [*range(16, len(WHOLE))]:
        for bit in range(8):
            damaged = bytearray(WHOLE)
            damaged[at] ^= 1 << bit
            assert not packets(Parser().feed(bytes(damaged))), (at, bit)


def test_a_flipped_bit_of_the_type_refuses_the_packet() -> None:
    for bit in range(16):
        damaged = bytearray(WHOLE)
        damaged[4 + bit // 8] ^= 1 << bit % 8
        assert not packets(Parser().feed(bytes(damaged))), bit


@pytest.mark.parametrize("packet_type", [0, 1, 4, 5, 6, 8, 12, 0xFFFF])
def test_a_data_packet_of_a_type_that_no_target_sends_is_noise(packet_type: int) -> None:
    assert not packets(Parser().feed(encode_data(packet_type, INITIAL_ID, PRINT)))


def test_the_packet_behind_a_damaged_one_is_found() -> None:
    damaged = bytearray(WHOLE)
    damaged[20] ^= 1
    items = Parser().feed(bytes(damaged) + WHOLE)
    assert packets(items) == [DataPacket(PacketType.DEBUG_IO, INITIAL_ID, PRINT)]
    assert noise(items) == bytes(damaged)


def test_a_damaged_length_hides_packets_only_until_the_parser_gives_up() -> None:
    damaged = bytearray(WHOLE)
    damaged[7] |= 0x08
    parser = Parser()
    assert not parser.feed(bytes(damaged) + WHOLE)
    assert parser.whole_packet_behind()
    found: list[Item] = []
    while parser.pending:
        found += parser.give_up()
    assert packets(found) == [DataPacket(PacketType.DEBUG_IO, INITIAL_ID, PRINT)]


def test_a_payload_may_contain_packets() -> None:
    text = PRINT + WHOLE + b"iiii0000"
    assert Parser().feed(encode_data(PacketType.DEBUG_IO, 1, text)) == [DataPacket(PacketType.DEBUG_IO, 1, text)]


def test_a_payload_beyond_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 4000"):
        encode_data(PacketType.DEBUG_IO, INITIAL_ID, bytes(4001))


PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"0000", b"iiii", b"0", b"i", WHOLE, WHOLE[:20], WHOLE[5:], encode_control(PacketType.ACKNOWLEDGE)]
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=30), st.integers(1, 50))
def test_no_byte_is_lost_or_invented_and_memory_is_bounded(pieces: list[bytes], size: int) -> None:
    data = b"".join(pieces)
    parser = Parser()
    seen = b""
    for start in range(0, len(data), size):
        for item in parser.feed(data[start : start + size]):
            if isinstance(item, Noise):
                seen += item.data
            elif isinstance(item, DataPacket):
                seen += encode_data(item.type, item.packet_id, item.payload)
            else:
                seen += data[len(seen) : len(seen) + 16]
        assert len(parser.pending) <= MAX_HELD
        assert data.startswith(seen)
        assert data[: start + size] == seen + parser.pending
