"""What the protocol cannot mend, one by one, and how little harm it does.

A packet's header has no checksum, a checksum is a plain sum, ids are one bit, and a target gives up. Everything else
is mended: `test_every_bit.py` and `test_bad_line.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from kd.target import Target, breakpoint_message, print_message
from kd.wire import Wire

from lab.kd.events import StopEvent
from lab.kd.packets import PacketType, encode_data

from .line import flip
from .story import (
    ACK_ONE,
    ACK_SIX,
    ACK_THREE,
    ACK_TWO,
    ACK_X,
    CONTINUE_X,
    CONTINUE_X_ACK,
    FOUR,
    ONE,
    RECORDS,
    TEXT,
    THREE,
    TWO,
    Story,
    lose,
    tell,
)

TRIES = 20


def wrong(at: int, bit: int) -> Callable[[bytes], bytes]:
    return lambda packet: flip(packet, at, bit)


def sync(story: Story) -> None:
    """Stop it for a moment."""
    future: Future[StopEvent | None] = Future()
    story.joined.session.run.ask_break_in(future, story.joined.now / 1000, hold=False)
    assert story.joined.run(future.done, 20_000)


def test_wrong_lowest_id_bit_of_a_repetition_gives_its_text_again(stub_library: Path) -> None:
    """It looks like the next packet. What follows is complete."""
    told = tell(stub_library, down={ACK_TWO: lose}, up={TWO + 1: wrong(8, 0)})
    assert told.texts == ["one", "two", "two", "two", *TEXT[2:]]


def test_wrong_lowest_id_bit_of_a_streams_first_packet_gives_its_text_again(stub_library: Path) -> None:
    told = tell(stub_library, up={ONE: wrong(8, 0)})
    assert told.texts == ["one", *TEXT]
    assert told.resyncs == 2


def test_sync_bit_set_by_noise_looks_like_a_restart(stub_library: Path) -> None:
    """The text is unharmed, and stops are answered."""
    told = tell(stub_library, up={FOUR: wrong(9, 3)})
    assert told.texts == TEXT
    assert told.resyncs == 2


def test_sync_bit_lost_hides_a_restart(stub_library: Path) -> None:
    told = tell(stub_library, up={ONE: wrong(9, 3)})
    assert told.texts == TEXT
    assert told.resyncs == 0


@pytest.mark.parametrize("bit", [0, 2, 3])
def test_request_whose_type_is_damaged_is_acknowledged_and_ignored(stub_library: Path, bit: int) -> None:
    """The target stays stopped until somebody asks for it: a break-in finds that out. Nothing is lost."""
    story = Story(stub_library, down={CONTINUE_X: wrong(4, bit)})
    assert story.tell().texts == ["one", "two", "x.sys"]
    sync(story)
    assert story.tell().texts == TEXT
    story.close()


@pytest.mark.parametrize("way", [{"down": {ACK_X: wrong(4, 1)}}, {"up": {CONTINUE_X_ACK: wrong(4, 1)}}])
def test_acknowledgement_at_a_stop_that_becomes_a_reset_does_no_harm(
    stub_library: Path, way: dict[str, dict[int, Callable[[bytes], bytes]]]
) -> None:
    assert tell(stub_library, **way).texts == TEXT


@pytest.mark.parametrize("number", [ACK_ONE, ACK_TWO, ACK_THREE])
def test_acknowledgement_of_a_print_that_becomes_a_reset_does_no_harm(stub_library: Path, number: int) -> None:
    assert tell(stub_library, down={number: wrong(4, 1)}).texts == TEXT


@pytest.mark.parametrize("arrives", [False, True])
def test_target_that_hears_nothing_twenty_times_goes_on_without_us(stub_library: Path, arrives: bool) -> None:
    """It drops that print and, until it hears from us, all others; a break-in or a sync is enough. The log shows it."""
    lost = {TWO + number: lose for number in range(TRIES)}
    story = Story(stub_library, down=lost) if arrives else Story(stub_library, up=lost)
    assert story.tell().texts == (["one", "two"] if arrives else ["one"])
    before = len(story.told.texts)
    sync(story)
    story.joined.write(*RECORDS)
    assert story.tell().texts[before:] == TEXT
    assert story.told.resyncs == 2
    story.close()


def test_two_wrong_bits_that_cancel_out_in_the_sum_change_the_text(stub_library: Path) -> None:
    """The checksum is a sum of bytes: what one bit adds another takes away."""
    told = tell(stub_library, up={TWO: lambda packet: packet.replace(b"two", b"uvo")})
    assert told.texts == ["one", "uvo", *TEXT[2:]]


def test_copy_that_comes_after_the_next_packet_is_taken_for_a_new_one(stub_library: Path) -> None:
    """Ids are one bit, so that a line must keep the order: a serial line does. Such a copy also hides its successor."""
    story = Story(stub_library)
    story.joined.run(lambda: len(story.told.texts) >= 2, 5000)
    story.joined.up.deliver(story.sent["up"][ONE], story.joined.now)
    assert story.tell().texts != TEXT
    story.close()


def test_acknowledgement_that_comes_after_the_next_is_taken_for_another_packets(stub_library: Path) -> None:
    """Held back until a packet with the same id is lost: the target believes that it arrived, and the next hides."""
    story = Story(stub_library, up={THREE: lose})
    story.joined.run(lambda: len(story.sent["up"]) > THREE, 5000)
    story.joined.down.deliver(story.sent["down"][ACK_TWO], story.joined.now)
    told = story.tell().texts
    assert told[:3] == TEXT[:3]
    assert "three" not in told
    story.close()


def test_our_repetition_acknowledges_what_a_kernel_is_sending() -> None:
    """A kernel takes any data packet for the acknowledgement of its own. So what it was sending is lost when the
    acknowledgement of our Continue is lost, and all that it says in the second after it; and the next message, which
    has the id of a repetition. (The stub does not do that.)
    """
    target = Target([breakpoint_message(0xFFFFF80000001000), print_message(b"lost"), print_message(b"hidden")])
    target.script.append(print_message(b"heard"))
    wire = Wire(target)
    assert wire.run(5.0, lambda: target.stops == 1)
    while target.continues == 0:
        target.tick(wire.now)
        wire.connected = False
        for reply in (wire.session.receive(target.take_output(), wire.now), wire.session.work(wire.now)):
            target.receive(reply, wire.now)
    target.take_output()
    start = wire.now
    while wire.now < start + 1.1:
        target.receive(wire.session.work(wire.now), wire.now)
        target.take_output()
        wire.now += 0.005
    wire.connected = True
    wire.run(10.0, lambda: target.idle)
    assert wire.printed == b"heard"
    assert not target.dropped


def test_all_faults_at_the_end_do_no_harm(stub_library: Path) -> None:
    """The last acknowledgement lost: the target repeats, the host recognises it."""
    assert tell(stub_library, down={ACK_SIX: lose}).texts == TEXT


def test_data_packet_of_another_type_is_told_by_its_contents(stub_library: Path) -> None:
    """Why a damaged type of what the target sends is on no list."""
    for bit in range(8):
        assert tell(stub_library, up={THREE: wrong(4, bit)}).texts == TEXT
    assert encode_data(PacketType.DEBUG_IO, 0, b"")[4] == PacketType.DEBUG_IO
