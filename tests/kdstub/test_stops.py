"""Stops: modules, break-in, crashes; and what is answered meanwhile."""

from __future__ import annotations

import contextlib
import os
import struct
import time

import pytest

from .conftest import Stub
from .host import (
    BREAK_IN,
    CONTINUE,
    CONTINUE2,
    DEBUG_IO,
    GET_VERSION,
    STATE_CHANGE,
    SWITCH_PROCESSOR,
    Stop,
    printed,
    request,
)
from .records import bugcheck_record, exception_record, module_record, print_record

BREAKPOINT = 0x80000003
PATH = rb"\??\C:\lab\drivers\example.sys"


@pytest.mark.parametrize("api", [CONTINUE, CONTINUE2])
@pytest.mark.parametrize("unload", [False, True])
def test_module_event_waits_for_continue(stub: Stub, api: int, unload: bool) -> None:
    stub.write(module_record(PATH, 0x7F0012340000, 0x9000, 0xABCD, unload), print_record(b"after"))
    stop = Stop.of(stub.host.expect_stop())
    assert stop.module == (PATH.decode(), 0x7F0012340000, 0x9000, 0xABCD, unload)
    assert stub.host.take(0.2) is None, "it prints while it is stopped"
    stub.host.resume(api)
    assert stub.host.prints(b"after") == b"after"


def test_break_in_stops(stub: Stub) -> None:
    stub.host.send(BREAK_IN)
    stop = Stop.of(stub.host.expect_stop())
    assert stop.exception == (BREAKPOINT, 0, 1)
    assert stop.processors == 1
    stub.write(print_record(b"held"))
    assert stub.host.take(0.2) is None
    stub.host.resume()
    assert stub.host.prints(b"held") == b"held"


def test_everything_printed_before_the_break_in_comes_before_the_stop(stub: Stub) -> None:
    lines = [b"line %d\n" % i for i in range(500)]
    stub.write(*map(print_record, lines))
    stub.host.send(BREAK_IN)
    text = bytearray()
    while (packet := stub.host.take()) and packet.type == DEBUG_IO:
        text += printed(packet)
    assert packet
    assert packet.type == STATE_CHANGE
    assert bytes(text) == b"".join(lines)


def test_break_in_takes_place_although_the_driver_goes_on_printing(stub: Stub) -> None:
    stub.host.send(BREAK_IN)
    deadline = time.monotonic() + 5
    while True:
        stub.write(*(print_record(b"flood %d" % i) for i in range(20)))
        packet = stub.host.take()
        assert packet
        if packet.type == STATE_CHANGE:
            return
        assert time.monotonic() < deadline, "no stop in an endless stream of prints"


def test_break_in_during_a_module_stop_is_remembered(stub: Stub) -> None:
    stub.write(module_record(b"a.sys", 0x1000), print_record(b"after"))
    stub.host.expect_stop()
    stub.host.send(BREAK_IN)
    time.sleep(0.05)
    stub.host.resume()
    packet = stub.host.take()
    assert packet
    assert printed(packet) == b"after", "it was printed before the break-in"
    assert Stop.of(stub.host.expect_stop()).exception[0] == BREAKPOINT


def test_break_in_while_stopped_causes_no_second_stop(stub: Stub) -> None:
    stub.host.send(BREAK_IN)
    stub.host.expect_stop()
    stub.host.send(BREAK_IN)
    time.sleep(0.05)
    stub.host.resume()
    assert stub.host.take(0.2) is None


def test_half_a_record_at_the_break_in_is_printed_afterwards(stub: Stub) -> None:
    record = print_record(b"in two halves")
    stub.write(record[:40])
    stub.host.send(BREAK_IN)
    stub.host.expect_stop()
    stub.write(record[40:])
    stub.host.resume()
    assert stub.host.prints(b"halves") == b"in two halves"


def test_version(stub: Stub) -> None:
    stub.host.send(BREAK_IN)
    stub.host.expect_stop()
    reply = stub.host.ask(request(GET_VERSION, b"\x55" * 40))
    assert len(reply) == 56
    assert struct.unpack_from("<I", reply, 8) == (0,)
    major, minor, protocol, _, flags, machine, packets, changes, manipulates = struct.unpack_from(
        "<HHBBHHBBB", reply, 16
    )
    assert (major, minor, protocol, flags, machine) == (0xF, 19043, 6, 4, 0x8664)
    assert (packets, changes, manipulates) == (12, 3, 0x31)
    assert reply[32:56] == bytes(24), "no kernel addresses, rather than invented ones"


APIS = [api for api in range(0x3130, 0x3163) if api not in (CONTINUE, CONTINUE2, GET_VERSION, SWITCH_PROCESSOR)]


@pytest.mark.parametrize("length", [56, 300, 4], ids=["plain", "with data", "short"])
def test_every_other_request_is_refused(stub: Stub, length: int) -> None:
    stub.host.send(BREAK_IN)
    stub.host.expect_stop()
    for api in APIS:
        asked = request(api, b"\x11" * 40, b"\x22" * 400)[:length]
        reply = stub.host.ask(asked)
        assert len(reply) == 56
        assert struct.unpack_from("<I", reply) == (api,)
        assert struct.unpack_from("<I", reply, 8) == (0xC0000001,)
    stub.host.resume()


def test_refused_read_moves_no_bytes(stub: Stub) -> None:
    stub.host.send(BREAK_IN)
    stub.host.expect_stop()
    reply = stub.host.ask(request(0x3130, struct.pack("<QII", 0xFFFFF80000000000, 16, 77)))
    assert struct.unpack_from("<QII", reply, 16) == (0xFFFFF80000000000, 16, 0)


def test_bugcheck_prints_its_text_and_stops(stub: Stub) -> None:
    stub.write(bugcheck_record(0xE2, (1, 2, 0xFFFF800012345678, 4), b"example.sys"), print_record(b"next host"))
    text = stub.host.prints(b"sys.\n").decode()
    assert text == (
        "\n*** Fatal System Error: 0x000000e2\n"
        "   (0x0000000000000001,0x0000000000000002,0xFFFF800012345678,0x0000000000000004)\n\n"
        "Driver at fault: example.sys.\n"
    )
    assert Stop.of(stub.host.expect_stop()).exception == (BREAKPOINT, 0, 1)
    stub.host.resume()
    assert stub.host.prints(b"host") == b"next host"


def test_break_in_at_a_bugcheck_stops_when_the_next_driver_host_has_printed(stub: Stub) -> None:
    stub.write(bugcheck_record(0xE2, (1, 2, 3, 4)), print_record(b"next host"))
    stub.host.send(BREAK_IN)
    stub.host.prints(b")\n\n")
    stub.host.expect_stop()
    stub.host.send(BREAK_IN)
    stub.host.resume()
    packet = stub.host.take()
    assert packet
    assert printed(packet) == b"next host"
    assert Stop.of(stub.host.expect_stop()).exception[0] == BREAKPOINT
    stub.host.resume()
    assert stub.host.take(0.2) is None


def test_bugcheck_of_nobody_in_particular(stub: Stub) -> None:
    stub.write(bugcheck_record(0x50, (0, 0, 0, 0)))
    assert b"Driver at fault" not in stub.host.prints(b")\n\n")
    stub.host.expect_stop()


def test_unhandled_exception_stops_then_bugchecks(stub: Stub) -> None:
    stub.write(exception_record(0xC0000005, 0x7F0012345678, (1, 0x10), b"example.sys"))
    stop = Stop.of(stub.host.expect_stop())
    assert stop.exception == (0xC0000005, 0x7F0012345678, 0)
    assert stop.pc == 0x7F0012345678
    assert struct.unpack_from("<I4xQQ", stop.payload, 56) == (2, 1, 0x10)
    stub.host.resume()
    text = stub.host.prints(b"sys.\n").decode()
    assert "0x0000001e\n   (0x00000000C0000005,0x00007F0012345678,0x0000000000000001,0x0000000000000010)" in text
    assert Stop.of(stub.host.expect_stop()).exception[0] == BREAKPOINT


@pytest.mark.parametrize(
    "record", [bugcheck_record(0xE2, (1, 2, 3, 4)), exception_record(0xC0000005, 1, ())], ids=["bugcheck", "exception"]
)
def test_crash_without_a_host_stops_nobody(hasty_stub: Stub, record: bytes) -> None:
    hasty_stub.write(record, print_record(b"lost"))
    hasty_stub.wait_alone()
    hasty_stub.host.reset()
    hasty_stub.write(print_record(b"runs"))
    assert hasty_stub.host.prints(b"runs") == b"runs"


def test_while_stopped_the_writer_waits(stub: Stub) -> None:
    """Bounded memory: what the carrier and one buffer hold is all that is taken."""
    stub.host.send(BREAK_IN)
    stub.host.expect_stop()
    os.set_blocking(stub.carrier, False)
    record, written = print_record(b"x" * 1000), 0
    with contextlib.suppress(BlockingIOError):
        while written < 2_000_000:
            written += os.write(stub.carrier, record)
    assert written < 300_000
    stub.host.resume()
    os.set_blocking(stub.carrier, True)
    stub.write(print_record(b"<end>"))
    text = stub.host.prints(b"<end>")
    assert text == b"x" * (written // len(record) * 1000) + b"<end>"


def test_requests_of_other_types_are_acknowledged_and_ignored(stub: Stub) -> None:
    stub.host.send(BREAK_IN)
    stub.host.expect_stop()
    stub.host.submit(b"\x30\x34\0\0" + bytes(60), kind=11)
    assert stub.host.ask(request(GET_VERSION))
