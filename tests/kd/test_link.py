from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.kd.link import Acknowledged, Link, LinkEvent, LinkState, Received, Resynchronised
from lab.kd.packets import (
    INITIAL_ID,
    SYNC_BIT,
    ControlPacket,
    DataPacket,
    Item,
    Noise,
    PacketType,
    Parser,
    encode_control,
    encode_data,
)

from .target import load_message, print_message

FIRST, SECOND = INITIAL_ID, INITIAL_ID | 1
REQUEST = b"\x36\x31" + bytes(54)


def text(data: bytes) -> bytes:
    return print_message(data)[1]


def from_target(packet_id: int, payload: bytes, kind: int = PacketType.DEBUG_IO) -> bytes:
    return encode_data(kind, packet_id, payload)


def give(link: Link, data: bytes, now: float = 0.0) -> list[LinkEvent]:
    return link.receive(data, now) + link.tick(now)


def said(link: Link) -> list[Item]:
    return Parser().feed(link.take_output())


def ack(packet_id: int) -> ControlPacket:
    return ControlPacket(PacketType.ACKNOWLEDGE, packet_id)


def connected() -> Link:
    """A link that has seen the target's first packet; the target's next id is SECOND, ours FIRST."""
    link = Link()
    give(link, from_target(FIRST | SYNC_BIT, text(b"boot\n")))
    link.take_output()
    return link


def test_every_whole_packet_is_acknowledged_without_the_sync_bit() -> None:
    link = Link()
    events = give(link, from_target(FIRST | SYNC_BIT, text(b"a")) + from_target(SECOND, text(b"b")))
    assert said(link) == [ack(FIRST), ack(SECOND)]
    assert events == [
        Resynchronised(),
        Received(PacketType.DEBUG_IO, text(b"a")),
        Received(PacketType.DEBUG_IO, text(b"b")),
    ]


def test_a_packet_in_single_bytes_is_acknowledged_with_its_last() -> None:
    link = connected()
    data = from_target(SECOND, text(b"slowly"))
    for byte in data[:-1]:
        assert not give(link, bytes([byte]))
        assert not link.take_output()
    assert give(link, data[-1:]) == [Received(PacketType.DEBUG_IO, text(b"slowly"))]
    assert said(link) == [ack(SECOND)]


def test_sync_voids_what_was_not_acknowledged() -> None:
    link = connected()
    link.send(PacketType.STATE_MANIPULATE, REQUEST, 0.0)
    give(link, encode_control(PacketType.ACKNOWLEDGE, FIRST))
    link.send(PacketType.STATE_MANIPULATE, REQUEST, 0.0)
    link.take_output()
    assert Resynchronised() in give(link, from_target(FIRST | SYNC_BIT, text(b"again\n")))
    assert not link.busy
    link.take_output()
    link.send(PacketType.STATE_MANIPULATE, REQUEST, 0.0)
    assert said(link) == [DataPacket(PacketType.STATE_MANIPULATE, FIRST, REQUEST)]


def test_a_sync_packet_sent_again_is_no_second_resync() -> None:
    link = Link()
    data = from_target(FIRST | SYNC_BIT, text(b"boot\n"))
    assert len(give(link, data)) == 2
    assert give(link, data) == []
    assert said(link) == [ack(FIRST), ack(FIRST)]
    assert give(link, from_target(SECOND, text(b"b"))) == [Received(PacketType.DEBUG_IO, text(b"b"))]


def test_the_same_boot_text_after_other_packets_is_a_reboot() -> None:
    link = connected()
    give(link, from_target(SECOND, text(b"b")))
    events = give(link, from_target(FIRST | SYNC_BIT, text(b"boot\n")))
    assert events == [Resynchronised(), Received(PacketType.DEBUG_IO, text(b"boot\n"))]


def test_duplicates_are_acknowledged_and_dropped() -> None:
    link = connected()
    data = from_target(SECOND, text(b"once"))
    assert len(give(link, data + data + data)) == 1
    assert said(link) == [ack(SECOND)] * 3
    assert link.counters.duplicates == 2


def test_equal_text_under_the_next_id_is_no_duplicate() -> None:
    link = connected()
    assert len(give(link, from_target(SECOND, text(b"x")) + from_target(FIRST, text(b"x")))) == 2


def test_a_listener_that_comes_late_takes_either_id_first() -> None:
    link = Link()
    assert len(give(link, from_target(SECOND, text(b"late")))) == 1
    assert len(give(link, from_target(FIRST, text(b"next")))) == 1


def test_our_id_toggles_only_with_its_acknowledgement() -> None:
    link = connected()
    link.send(PacketType.STATE_MANIPULATE, REQUEST, 0.0)
    assert said(link) == [DataPacket(PacketType.STATE_MANIPULATE, FIRST, REQUEST)]
    assert give(link, encode_control(PacketType.ACKNOWLEDGE, SECOND)) == []
    assert link.busy
    assert len(give(link, from_target(SECOND, text(b"meanwhile")))) == 1
    done = give(link, encode_control(PacketType.ACKNOWLEDGE, FIRST))
    assert done == [Acknowledged(PacketType.STATE_MANIPULATE, REQUEST)]
    link.take_output()
    link.send(PacketType.STATE_MANIPULATE, REQUEST, 0.0)
    assert said(link) == [DataPacket(PacketType.STATE_MANIPULATE, SECOND, REQUEST)]


def test_the_same_bytes_go_out_again_after_a_second_or_on_resend() -> None:
    link = connected()
    link.send(PacketType.STATE_MANIPULATE, REQUEST, 10.0)
    sent = link.take_output()
    assert link.due == 11.0
    link.tick(10.9)
    assert not link.take_output()
    link.tick(11.0)
    assert link.take_output() == sent
    give(link, encode_control(PacketType.RESEND), 11.1)
    assert link.take_output() == sent
    give(link, encode_control(PacketType.ACKNOWLEDGE, FIRST), 11.2)
    give(link, encode_control(PacketType.RESEND), 11.3)
    assert not link.take_output()
    assert link.due is None


def test_noise_is_never_answered() -> None:
    link = connected()
    damaged = bytearray(from_target(SECOND, text(b"x")))
    damaged[-1] ^= 0xFF
    events = give(link, bytes(damaged) + b"text\n")
    assert not any(isinstance(event, Received) for event in events)
    assert not link.take_output()
    link.tick(5.0)
    assert not link.take_output()


def test_a_reset_of_ours_is_answered_by_theirs() -> None:
    link = connected()
    link.send_reset()
    assert said(link) == [ControlPacket(PacketType.RESET, 0)]
    assert give(link, encode_control(PacketType.RESET)) == [Resynchronised(by_reset=True)]
    assert not link.take_output()
    assert len(give(link, from_target(FIRST, load_message(b"x.sys")[1], PacketType.STATE_CHANGE64))) == 1


def test_a_reset_of_theirs_is_answered_once() -> None:
    link = connected()
    give(link, encode_control(PacketType.RESET))
    assert said(link) == [ControlPacket(PacketType.RESET, 0)]
    give(link, encode_control(PacketType.RESET))
    assert not link.take_output()
    assert len(give(link, from_target(FIRST, text(b"next")))) == 1


def test_what_crossed_our_reset_is_not_taken_twice() -> None:
    link = connected()
    link.send_reset()
    assert len(give(link, from_target(SECOND, text(b"crossing")))) == 1
    give(link, encode_control(PacketType.RESET))
    assert give(link, from_target(FIRST, text(b"crossing"))) == []
    assert len(give(link, from_target(SECOND, text(b"crossing")))) == 1


def test_a_restored_link_knows_what_it_had() -> None:
    link = connected()
    give(link, from_target(SECOND, text(b"before")))
    part = from_target(FIRST, text(b"half sent"))
    give(link, part[:30])
    link.send(PacketType.STATE_MANIPULATE, REQUEST, 0.0)
    state = LinkState.from_json(json.loads(json.dumps(link.freeze({"x": 1}).to_json())))
    assert state == link.freeze({"x": 1})
    give(link, part[30:] + from_target(SECOND, text(b"of the other future")))

    for restored in (link, Link()):
        restored.thaw(state, 50.0)
        restored.take_output()
        assert give(restored, part[30:], 50.0) == [Received(PacketType.DEBUG_IO, text(b"half sent"))]
        assert give(restored, part, 50.1) == []
        assert said(restored) == [ack(FIRST), ack(FIRST)]
        restored.tick(51.0)
        assert said(restored) == [DataPacket(PacketType.STATE_MANIPULATE, FIRST, REQUEST)]


def test_a_message_whose_acknowledgement_a_snapshot_cut_off_is_not_doubled() -> None:
    link = connected()
    last = from_target(SECOND, text(b"in flight"))
    give(link, last)
    state = link.freeze({})
    fresh = Link()
    fresh.thaw(state, 0.0)
    assert give(fresh, last) == []
    assert said(fresh) == [ack(SECOND)]
    assert len(give(fresh, from_target(FIRST, text(b"next")))) == 1


def test_a_packet_whose_length_was_damaged_does_not_hide_the_next_for_long() -> None:
    link = connected()
    good = from_target(SECOND, text(b"x"))
    damaged = bytearray(good)
    damaged[7] = 0x0F
    give(link, bytes(damaged), 10.0)
    give(link, good, 10.06)
    assert not link.take_output()
    due = link.due
    assert due is not None
    assert due <= 10.1 + 1e-9
    assert Received(PacketType.DEBUG_IO, text(b"x")) in link.tick(due)
    assert said(link) == [ack(SECOND)]


def test_time_does_not_pass_in_circles() -> None:
    """After `tick` at `due`, `due` is later or None: nobody spins."""
    link = connected()
    give(link, b"0000" + bytes([3, 0, 0xA0, 0x0F]), 10.0)
    now = 10.0
    for _ in range(10):
        due = link.due
        if due is None:
            break
        assert due > now
        now = due
        link.tick(now)
    assert link.due is None


ACTIONS = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.builds(
            encode_data,
            st.sampled_from([2, 3, 7, 11]),
            st.sampled_from([FIRST, SECOND, FIRST | SYNC_BIT, SECOND | SYNC_BIT, 7]),
            st.binary(max_size=20),
        ),
        st.builds(encode_control, st.sampled_from([4, 5, 6]), st.sampled_from([FIRST, SECOND, 0])),
        st.sampled_from(["send", "reset", "tick", "thaw"]),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(ACTIONS)
def test_whatever_comes_the_link_keeps_its_word(actions: list[bytes | str]) -> None:
    link = Link()
    now = 0.0
    for action in actions:
        now += 0.4
        if isinstance(action, bytes):
            events = link.receive(action, now)
        elif action == "send":
            if not link.busy:
                link.send(PacketType.STATE_MANIPULATE, REQUEST, now)
            events = []
        elif action == "reset":
            link.send_reset()
            events = []
        elif action == "tick":
            events = link.tick(now)
        else:
            link.thaw(LinkState.from_json(json.loads(json.dumps(link.freeze({}).to_json()))), now)
            events = []
        received = sum(isinstance(event, Received) for event in events)
        acknowledgements = [each for each in said(link) if isinstance(each, ControlPacket) and each.type == 4]
        assert len(acknowledgements) >= received
        assert all(not each.packet_id & SYNC_BIT for each in acknowledgements)
        assert sum(len(event.data) for event in events if isinstance(event, Noise)) <= 5000
