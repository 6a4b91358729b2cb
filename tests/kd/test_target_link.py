"""The target's side of a link: against the rules of the protocol, and against our own host side."""

from __future__ import annotations

import pytest

from lab.kd.link import Link, Received, Resynchronised
from lab.kd.packets import INITIAL_ID, SYNC_BIT, DataPacket, PacketType, Parser, encode_control, encode_data
from lab.kd.requests import get_version
from lab.kd.target_link import (
    INCOMPLETE_AFTER,
    RETRANSMIT_AFTER,
    TRIES,
    Asked,
    BreakIn,
    NotAcknowledged,
    Reset,
    TargetLink,
)

from .target import exception_message, load_message, print_message, prompt_message

FIRST, SECOND = INITIAL_ID, INITIAL_ID | 1
VERSION = get_version().encode()


def sent_ids(link: TargetLink) -> list[int]:
    return [item.packet_id for item in Parser().feed(link.take_output()) if isinstance(item, DataPacket)]


def say(link: TargetLink, message: tuple[int, bytes], now: float = 0.0) -> None:
    link.send(PacketType(message[0]), message[1], now)


def ack(link: TargetLink, packet_id: int) -> None:
    assert link.receive(encode_control(PacketType.ACKNOWLEDGE, packet_id), 0.0) == []


def test_the_first_packet_has_the_sync_bit_then_ids_alternate() -> None:
    link = TargetLink()
    ids = []
    for expected in (FIRST, SECOND, FIRST):
        say(link, print_message(b"x"))
        ids += sent_ids(link)
        ack(link, expected)
        assert not link.busy
    assert ids == [FIRST | SYNC_BIT, SECOND, FIRST]


def test_an_acknowledgement_of_another_packet_is_none() -> None:
    link = TargetLink()
    say(link, print_message(b"x"))
    ack(link, SECOND)
    assert link.busy


def test_what_is_not_acknowledged_is_sent_again_and_prints_are_given_up() -> None:
    for message, dropped in (
        (print_message(b"x"), True),
        (load_message(b"x.sys"), True),
        (prompt_message(b"?"), False),
        (exception_message(0xC0000005, 1), False),
    ):
        link = TargetLink()
        say(link, message)
        events = []
        for i in range(1, TRIES + 1):
            assert link.due == pytest.approx(i * RETRANSMIT_AFTER)
            events += link.tick(i * RETRANSMIT_AFTER)
        assert sent_ids(link) == [FIRST | SYNC_BIT] * (TRIES + (not dropped))
        assert events == [NotAcknowledged(PacketType(message[0]), message[1], dropped)]
        assert link.busy != dropped


def test_resend_repeats_what_is_on_its_way() -> None:
    link = TargetLink()
    link.receive(encode_control(PacketType.RESEND), 0.0)
    assert link.take_output() == b""
    say(link, print_message(b"x"))
    once = link.take_output()
    link.receive(encode_control(PacketType.RESEND), 0.0)
    assert link.take_output() == once


def test_requests_are_acknowledged_and_duplicates_are_not_given_out() -> None:
    link = TargetLink()
    packet = encode_data(PacketType.STATE_MANIPULATE, FIRST, VERSION)
    assert link.receive(packet, 0.0) == [Asked(PacketType.STATE_MANIPULATE, VERSION)]
    assert link.receive(packet, 0.0) == []
    assert link.receive(encode_data(PacketType.STATE_MANIPULATE, SECOND | SYNC_BIT, VERSION), 0.0) == []
    assert link.receive(encode_data(PacketType.STATE_MANIPULATE, SECOND, VERSION), 0.0) != []
    acks = [FIRST, FIRST, SECOND | SYNC_BIT, SECOND]
    assert link.take_output() == b"".join(encode_control(PacketType.ACKNOWLEDGE, each) for each in acks)


def test_a_break_in_is_a_byte_outside_any_packet() -> None:
    link = TargetLink()
    assert link.receive(b"b", 0.0) == [BreakIn()]
    assert link.receive(encode_data(PacketType.STATE_MANIPULATE, FIRST, VERSION + b"bbb") + b"b", 0.0)[1:] == [
        BreakIn()
    ]


def test_reset_restarts_both_streams_and_repeats_what_was_on_its_way() -> None:
    link = TargetLink()
    say(link, print_message(b"x"))
    ack(link, FIRST)
    say(link, exception_message(0xC0000005, 1))
    link.take_output()
    assert link.receive(encode_control(PacketType.RESET), 0.0) == [Reset(resent=True)]
    assert link.take_output() == encode_control(PacketType.RESET) + encode_data(
        PacketType.STATE_CHANGE64, FIRST, exception_message(0xC0000005, 1)[1]
    )
    ack(link, FIRST)
    assert link.receive(encode_control(PacketType.RESET), 0.0) == [Reset(resent=False)]


def test_a_reply_that_reset_overtakes_is_forgotten() -> None:
    link = TargetLink()
    link.send(PacketType.STATE_MANIPULATE, VERSION, 0.0)
    assert link.receive(encode_control(PacketType.RESET), 0.0) == [Reset(resent=False)]
    assert not link.busy


def test_what_will_not_be_completed_does_not_swallow_the_next_request() -> None:
    link = TargetLink()
    packet = encode_data(PacketType.STATE_MANIPULATE, FIRST, VERSION)
    assert link.receive(packet[:30], 0.0) == []
    assert link.due == INCOMPLETE_AFTER
    link.tick(INCOMPLETE_AFTER)
    assert link.receive(packet, 2.0) == [Asked(PacketType.STATE_MANIPULATE, VERSION)]


def test_our_own_host_side_understands_it_and_sees_a_restart() -> None:
    link, host = TargetLink(), Link()
    got = []
    for i in range(7):
        if i == 4:
            link.restart()
        say(link, print_message(b"%d" % i))
        got += host.receive(link.take_output(), 0.0)
        link.receive(host.take_output(), 0.0)
        assert not link.busy
    assert [each.payload[16:] for each in got if isinstance(each, Received)] == [b"%d" % i for i in range(7)]
    assert sum(isinstance(each, Resynchronised) for each in got) == 2
