"""Ids, acknowledgements, retransmission, resets, and hosts that come and go."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from .conftest import Stub
from .host import (
    ACK,
    BREAK_IN,
    DEBUG_IO,
    GET_VERSION,
    INITIAL,
    MANIPULATE,
    RESEND,
    RESET,
    SYNC,
    Host,
    Packet,
    Stop,
    control,
    data,
    printed,
    request,
)
from .records import module_record, print_record


def test_first_packet_carries_sync_and_ids_toggle(stub: Stub) -> None:
    stub.write(*(print_record(b"%d" % i) for i in range(4)))
    ids = []
    for _ in range(4):
        packet = stub.host.raw()
        assert packet
        ids.append(packet.id)
        stub.host.send(control(ACK, packet.id & ~SYNC))
    assert ids == [INITIAL | SYNC, INITIAL ^ 1, INITIAL, INITIAL ^ 1]


def test_unacknowledged_packet_is_repeated_unchanged(hasty_stub: Stub) -> None:
    hasty_stub.write(print_record(b"again"), print_record(b"next"))
    first, second = hasty_stub.host.raw(), hasty_stub.host.raw()
    assert first == second
    assert hasty_stub.host.prints(b"next") == b"againnext"


def test_acknowledgement_of_another_packet_counts_for_nothing(hasty_stub: Stub) -> None:
    hasty_stub.write(print_record(b"x"))
    packet = hasty_stub.host.raw()
    assert packet
    hasty_stub.host.send(control(ACK, INITIAL ^ 1))
    assert hasty_stub.host.raw() == packet


def test_resend_repeats_at_once(stub: Stub) -> None:
    stub.write(print_record(b"x"))
    packet = stub.host.raw()
    stub.host.send(control(RESEND))
    assert stub.host.raw(0.2) == packet


def test_resend_with_nothing_on_its_way_is_ignored(stub: Stub) -> None:
    stub.host.send(control(RESEND))
    stub.write(print_record(b"x"))
    assert stub.host.prints(b"x") == b"x"


@pytest.mark.parametrize("at", [16, 40, 71, 72], ids=["api", "union", "last", "trailer"])
def test_damaged_request_is_asked_for_again(stub: Stub, at: int) -> None:
    stub.host.send(BREAK_IN)
    stub.host.expect_stop()
    whole = bytearray(data(MANIPULATE, INITIAL, request(GET_VERSION)))
    whole[at] ^= 0x10
    stub.host.send(bytes(whole))
    assert stub.host.raw() == Packet(RESEND, 0)
    assert stub.host.ask(request(GET_VERSION))[:4] == b"\x46\x31\0\0"


def test_truncated_request_does_not_swallow_the_next_one(stub: Stub) -> None:
    stub.host.send(BREAK_IN)
    stub.host.expect_stop()
    stub.host.send(data(MANIPULATE, INITIAL, request(GET_VERSION))[:-20])
    assert stub.host.raw(2) == Packet(RESEND, 0)
    assert stub.host.ask(request(GET_VERSION))


def test_damaged_packet_causes_no_break_in(stub: Stub) -> None:
    stub.host.send(BREAK_IN)
    stub.host.expect_stop()
    stub.host.resume()
    damaged = bytearray(data(MANIPULATE, stub.host.send_id, request(GET_VERSION, b"b" * 40)))
    damaged[0] ^= 1
    damaged[20] ^= 1
    stub.host.send(bytes(damaged))
    time.sleep(0.05)
    stub.write(print_record(b"still running"))
    assert stub.host.prints(b"running") == b"still running"


def test_repeated_request_is_acknowledged_and_not_answered_twice(stub: Stub) -> None:
    stub.host.send(BREAK_IN)
    stub.host.expect_stop()
    stub.host.ask(request(GET_VERSION))
    stub.host.send(data(MANIPULATE, INITIAL, request(GET_VERSION)))
    assert stub.host.raw() == Packet(ACK, INITIAL)
    assert stub.host.raw(0.2) is None


def test_new_request_stands_for_a_lost_acknowledgement(hasty_stub: Stub) -> None:
    hasty_stub.host.send(BREAK_IN)
    stop = hasty_stub.host.raw()
    assert stop
    hasty_stub.host.expected = INITIAL ^ 1
    assert hasty_stub.host.ask(request(GET_VERSION))


def test_reset_restarts_the_streams_and_repeats_what_was_on_its_way(stub: Stub) -> None:
    stub.write(print_record(b"a"), print_record(b"b"), print_record(b"c"))
    assert stub.host.prints(b"a") == b"a"
    second = stub.host.raw()
    assert second == Packet(DEBUG_IO, INITIAL ^ 1, second.payload if second else b"")
    stub.host.send(control(RESET))
    assert stub.host.raw() == Packet(RESET, 0)
    repeated = stub.host.raw()
    assert repeated
    assert (repeated.id, printed(repeated)) == (INITIAL, b"b")
    stub.host.send(control(ACK, INITIAL))
    stub.host.expected = INITIAL ^ 1
    assert stub.host.prints(b"c") == b"c"


def test_reset_in_the_middle_of_a_burst_loses_nothing(stub: Stub) -> None:
    stub.write(*(print_record(b"<%d>" % i) for i in range(300)))
    text = stub.host.prints(b"<99>")
    stub.host.reset()
    text += stub.host.prints(b"<299>")
    assert text == b"".join(b"<%d>" % i for i in range(300))


def test_reset_while_stopped_repeats_the_stop(stub: Stub) -> None:
    stub.host.send(BREAK_IN)
    stop = stub.host.expect_stop()
    stub.host.ask(request(GET_VERSION))
    stub.host.reset()
    assert stub.host.expect_stop().payload == stop.payload
    stub.host.resume()
    stub.write(print_record(b"on"))
    assert stub.host.prints(b"on") == b"on"


def test_reset_while_running_is_answered_and_changes_nothing(stub: Stub) -> None:
    stub.host.reset()
    stub.write(print_record(b"x"))
    packet = stub.host.take()
    assert packet
    assert (packet.id, printed(packet)) == (INITIAL, b"x")


def test_without_a_host_prints_are_dropped_and_the_writer_runs_on(hasty_stub: Stub) -> None:
    hasty_stub.write(print_record(b"lost"))
    hasty_stub.wait_alone()
    started = time.monotonic()
    hasty_stub.write(*(print_record(b"x" * 500) for _ in range(2000)))  # more than the carrier holds
    assert time.monotonic() - started < 20
    assert hasty_stub.host.raw(0.1) is None


def test_twenty_tries_before_a_print_is_given_up(kdstub_binary: Path, tmp_path: Path) -> None:
    stub = Stub(kdstub_binary, tmp_path / "carrier", "--ack-timeout-ms", "10")
    stub.write(print_record(b"x"))
    assert sum(1 for _ in iter(lambda: stub.host.raw(0.2), None)) == 20
    stub.close()


@pytest.mark.parametrize("sign", [BREAK_IN, control(RESET), control(ACK, 0)], ids=["break-in", "reset", "leader"])
def test_prints_flow_again_when_a_host_shows(hasty_stub: Stub, sign: bytes) -> None:
    hasty_stub.write(print_record(b"lost"))
    hasty_stub.wait_alone()
    host = Host(hasty_stub.line)
    host.send(sign)
    if sign == BREAK_IN:
        stop = host.raw()
        assert stop
        assert stop.id == INITIAL | SYNC, "after a loss the streams begin anew"
        host.expected ^= 1
        host.send(control(ACK, INITIAL))
        host.resume()
    elif sign == control(RESET):
        assert host.raw() == Packet(RESET, 0)
    time.sleep(0.05)
    hasty_stub.write(print_record(b"back"))
    assert host.prints(b"back") == b"back"


def test_module_event_without_a_host_does_not_stop_the_target(hasty_stub: Stub) -> None:
    hasty_stub.write(module_record(b"a.sys", 0x1000), print_record(b"lost"))
    hasty_stub.wait_alone()
    hasty_stub.host.reset()
    hasty_stub.write(print_record(b"runs"))
    assert hasty_stub.host.prints(b"runs") == b"runs"


def test_connected_host_that_does_not_read_loses_nothing(hasty_stub: Stub) -> None:
    """The line is full or unread: that is a slow host, not an absent one."""
    hasty_stub.write(*(print_record(b"<%d>" % i) for i in range(3)))
    time.sleep(0.5)  # several times what an absent host is given
    assert hasty_stub.host.prints(b"<2>") == b"<0><1><2>"


def test_host_restored_from_a_snapshot_goes_on_with_its_saved_ids(stub: Stub) -> None:
    """What was on its way in either direction is gone; both sides have the state of the snapshot."""
    stub.write(print_record(b"a"), print_record(b"b"))
    assert stub.host.prints(b"a") == b"a"
    assert stub.host.raw(), "b was on its way and is lost with the snapshot"
    assert stub.host.prints(b"b") == b"b", "b is sent again under the id that the host expects"


def test_noise_between_packets_is_ignored(stub: Stub) -> None:
    stub.host.send(b"\x00\xff\r\nKDTARGET i 0 ii 00")
    stub.write(print_record(b"x"))
    assert stub.host.prints(b"x") == b"x"


def test_stop_is_repeated_until_it_is_acknowledged(hasty_stub: Stub) -> None:
    hasty_stub.host.send(BREAK_IN)
    stops = [hasty_stub.host.raw() for _ in range(6)]
    assert stops[0] is not None
    assert all(stop == stops[0] for stop in stops), "more often than the tries of a print"
    assert Stop.of(stops[0]).exception[0] == 0x80000003
