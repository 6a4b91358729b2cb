"""What the driver prints arrives: byte for byte, in order, whole."""

from __future__ import annotations

import threading

from .conftest import Stub
from .host import DEBUG_IO, Packet, printed
from .records import MAX_TEXT, print_record, record


def test_each_print_is_one_packet(stub: Stub) -> None:
    stub.write(print_record(b"DriverEntry Called\n"), print_record(b"no newline"))
    first, second = stub.host.take(), stub.host.take()
    assert first
    assert second
    assert (printed(first), printed(second)) == (b"DriverEntry Called\n", b"no newline")


def test_long_prints_come_in_pieces_of_512_bytes(stub: Stub) -> None:
    text = bytes(i * i * 7 & 0xFF for i in range(1300))
    stub.write(print_record(text), print_record(b"end"))
    pieces: list[Packet] = []
    while not pieces or printed(pieces[-1]) != b"end":
        packet = stub.host.take()
        assert packet
        pieces.append(packet)
    assert [len(printed(piece)) for piece in pieces] == [512, 512, 276, 3]
    assert b"".join(printed(piece) for piece in pieces[:-1]) == text


def test_any_bytes_are_carried(stub: Stub) -> None:
    text = bytes(range(256)) + b"KDR1\0\0\0\0iiii0000b" + b"%s%n\r\n\0"
    stub.write(print_record(text), print_record(b"end"))
    assert stub.host.prints(b"end") == text + b"end"


def test_an_empty_print_is_no_packet(stub: Stub) -> None:
    stub.write(print_record(b""), print_record(b"x"))
    packet = stub.host.take()
    assert packet
    assert printed(packet) == b"x"


def test_burst_of_10000_prints_in_order(stub: Stub) -> None:
    lines = [b"print %05d %s\n" % (i, b"x" * (i % 97)) for i in range(10_000)]
    writer = threading.Thread(target=lambda: stub.write(*map(print_record, lines)))
    writer.start()
    text = stub.host.prints(lines[-1], 60)
    writer.join()
    assert text == b"".join(lines)


def test_largest_records_back_to_back(stub: Stub) -> None:
    texts = [bytes((i * 31 + n) & 0xFF for i in range(MAX_TEXT)) for n in range(100)]
    writer = threading.Thread(target=lambda: stub.write(*map(print_record, texts), print_record(b"<end>")))
    writer.start()
    text = stub.host.prints(b"<end>", 60)
    writer.join()
    assert text == b"".join(texts) + b"<end>"


def test_records_that_arrive_byte_by_byte(stub: Stub) -> None:
    for byte in print_record(b"slow") + print_record(b"end"):
        stub.write(bytes([byte]))
    assert stub.host.prints(b"end") == b"slowend"


def test_unknown_kinds_and_damage_are_skipped_and_said(stub: Stub) -> None:
    stub.write(b"garbage" * 9, print_record(b"a"), record(77, b"?" * 50), record(1, b"short"), print_record(b"b"))
    stub.write(b"KDR2" + b"\xff" * 40, b"KDR1" + b"\xff" * 40, print_record(b"end"))
    assert stub.host.prints(b"end") == b"abend"
    assert "no record" in stub.close()


def test_processor_and_layout_of_a_print(stub: Stub) -> None:
    stub.write(print_record(b"hi"))
    packet = stub.host.take()
    assert packet
    assert packet.type == DEBUG_IO
    assert packet.payload == bytes.fromhex("30320000 4b4c 0000 02000000 65030000") + b"hi"


def test_a_print_tells_component_level_and_the_process_it_was_made_for(stub: Stub) -> None:
    stub.write(print_record(b"a", component=77, level=2, client=0x1F4), print_record(b"b", level=0xFFFFFFFF))
    stub.write(print_record(b"c", client=0x1F8))
    for expected in (77 | 2 << 8 | 0x7D << 16, 101 | 31 << 8, 101 | 3 << 8 | 0x7E << 16):
        packet = stub.host.take()
        assert packet
        assert packet.payload[4:6] == b"KL"
        assert int.from_bytes(packet.payload[12:16], "little") == expected
