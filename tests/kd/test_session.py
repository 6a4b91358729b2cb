from __future__ import annotations

import json
import struct
from concurrent.futures import Future

import pytest

from lab.errors import GuestLostError, InfrastructureError, UsageError
from lab.kd import requests
from lab.kd.debug_io import PrintString
from lab.kd.events import (
    BugcheckEvent,
    FileRequestEvent,
    KdEvent,
    ModuleEvent,
    NoteEvent,
    PrintEvent,
    PromptEvent,
    RawEvent,
    ResyncEvent,
    StopEvent,
    TraceEvent,
    describe,
)
from lab.kd.kd_state import KdState
from lab.kd.link import LinkState
from lab.kd.manipulate import Api, Manipulate
from lab.kd.packets import INITIAL_ID, SYNC_BIT, DataPacket, PacketType, Parser, encode_control, encode_data
from lab.kd.policy import Policy, Reaction
from lab.kd.session import Session
from lab.kd.version import decode_version

from .kernel import Kernel
from .target import (
    BREAK_IN_ADDRESS,
    KERNEL_BASE,
    Target,
    breakpoint_message,
    exception_message,
    load_message,
    print_message,
    prompt_message,
)
from .wire import Faults, Wire

FATAL = b"\n*** Fatal System Error: 0x000000d1\n   (0x0000000000000010,0x2,0x0,0xFFFFF8000BADF00D)\n\n"
CODE = KERNEL_BASE + 0x4321


def of(wire: Wire, kind: type[KdEvent]) -> list[KdEvent]:
    return [event for event in wire.events if isinstance(event, kind)]


def stops(wire: Wire) -> list[StopEvent]:
    return [event for event in wire.events if isinstance(event, StopEvent)]


def finish(wire: Wire, seconds: float = 10.0) -> None:
    assert wire.run(seconds, lambda: wire.target.idle)
    assert wire.run(1.0, lambda: wire.session.state is KdState.RUNNING)


def test_prints_and_modules_in_order_and_every_stop_answered() -> None:
    script = [
        print_message(b"one "),
        load_message(b"x.sys"),
        print_message(b"two\n"),
        load_message(b"x.sys", unload=True),
    ]
    wire = Wire(Target(script))
    finish(wire)
    assert [type(event) for event in wire.events] == [ResyncEvent, PrintEvent, ModuleEvent, PrintEvent, ModuleEvent]
    assert wire.printed == b"one two\n"
    assert wire.target.continues == wire.target.stops == 2


def test_prompts_are_answered_by_the_policy() -> None:
    wire = Wire(
        Target([prompt_message(b"Assertion failed (boipt)? "), prompt_message(b"Really? ")]),
        policy=Policy(prompts=(("Really", "b"),)),
    )
    finish(wire)
    assert [answer[16:] for answer in wire.target.answers] == [b"i", b"b"]
    assert [event.answer for event in of(wire, PromptEvent) if isinstance(event, PromptEvent)] == ["i", "b"]


def test_a_file_is_not_served() -> None:
    payload = struct.pack("<II", 0x3430, 0).ljust(64, b"\x11") + "\\a.sys\0".encode("utf-16-le")
    wire = Wire(Target([(PacketType.FILE_IO, payload), print_message(b"on\n")]))
    finish(wire)
    assert wire.target.answers == [payload[:4] + struct.pack("<I", 0xC000000F) + payload[8:64]]
    assert [event for event in wire.events if isinstance(event, FileRequestEvent)] == [FileRequestEvent(name="\\a.sys")]


def test_a_breakpoint_in_the_code_is_stepped_over() -> None:
    wire = Wire(Target([breakpoint_message(CODE), print_message(b"behind\n")]))
    finish(wire)
    assert [(stop.reason, stop.program_counter, stop.reaction) for stop in stops(wire)] == [
        ("breakpoint", CODE, "continue")
    ]
    assert wire.target.stops == 1
    assert wire.printed == b"behind\n"


def test_other_exceptions_are_left_to_the_kernel() -> None:
    wire = Wire(Target([exception_message(0xC0000005, CODE, chance=0)]), policy=Policy(collect=False))
    sent: list[Manipulate] = []
    receive = wire.target._request
    wire.target._request = lambda message: (sent.append(message), receive(message))[1]  # type: ignore[method-assign,func-returns-value]
    finish(wire)
    assert [(stop.reason, stop.code) for stop in stops(wire)] == [("exception", 0xC0000005)]
    assert [(each.api, each.union[:4]) for each in sent] == [(0x3136, struct.pack("<I", 0x80010001))]


def test_a_target_that_refuses_its_context_is_continued_all_the_same() -> None:
    target = Target([breakpoint_message(CODE)])
    target._reply = lambda message: message.fails_with(0xC0000001)  # type: ignore[method-assign]
    wire = Wire(target)
    assert wire.run(5.0, lambda: target.continues >= 1)


def test_a_target_that_never_replies_is_continued_within_seconds() -> None:
    target = Target([breakpoint_message(CODE)])
    target._request = lambda message: target.script.clear() if message.api == 0x3136 else None  # type: ignore[method-assign]
    wire = Wire(target)
    wire.run(5.0, lambda: wire.session.state is KdState.RUNNING)
    assert wire.session.state is KdState.RUNNING


def test_a_bugcheck_is_recognised_in_text_cut_anywhere() -> None:
    pieces = [print_message(FATAL[i : i + 7]) for i in range(0, len(FATAL), 7)]
    wire = Wire(Target([*pieces, print_message(b"Driver at fault: bad.sys.\n"), breakpoint_message(CODE)]))
    finish(wire)
    (bugcheck,) = of(wire, BugcheckEvent)
    assert isinstance(bugcheck, BugcheckEvent)
    assert (bugcheck.code, bugcheck.parameters) == (0xD1, (0x10, 2, 0, 0xFFFFF8000BADF00D))
    assert NoteEvent(text="driver at fault: bad.sys") in wire.events
    assert [stop.reason for stop in stops(wire)] == ["bugcheck"]
    assert wire.printed.startswith(FATAL)


def test_a_driver_named_in_the_same_text_belongs_to_the_bugcheck() -> None:
    wire = Wire(Target([print_message(FATAL + b"Driver at fault: bad.sys.\n")]))
    finish(wire)
    (bugcheck,) = of(wire, BugcheckEvent)
    assert isinstance(bugcheck, BugcheckEvent)
    assert bugcheck.driver == "bad.sys"


def test_the_boot_debuggers_wording_of_a_bugcheck() -> None:
    text = (
        b"\n*** Fatal Error 0x00000001 :\n        (0x0000000000000001, 0xFFFFF8017BC91A70, 0x2, 0xFFFFFFFFC0430007)\n\n"
    )
    wire = Wire(Target([print_message(text)]))
    finish(wire)
    (bugcheck,) = of(wire, BugcheckEvent)
    assert isinstance(bugcheck, BugcheckEvent)
    assert bugcheck.parameters == (1, 0xFFFFF8017BC91A70, 2, 0xFFFFFFFFC0430007)


def test_refreshing_the_connection_is_no_bugcheck() -> None:
    wire = Wire(Target([print_message(b"KDTARGET: Refreshing KD connection\n")]))
    finish(wire)
    assert not of(wire, BugcheckEvent)


def test_a_bugcheck_stop_without_end_is_held_at_last() -> None:
    wire = Wire(Target([print_message(FATAL), *[breakpoint_message(CODE)] * 10]), policy=Policy(bugcheck_stops=3))
    wire.run(20.0, lambda: wire.session.run.held)
    assert [stop.reaction for stop in stops(wire)] == ["continue", "continue", "hold"]
    assert wire.session.state is KdState.STOPPED


def test_the_policy_can_hold_a_target() -> None:
    wire = Wire(Target([breakpoint_message(CODE), print_message(b"on\n")]), policy=Policy(breakpoint=Reaction.HOLD))
    assert wire.run(5.0, lambda: wire.session.run.held)
    assert len(wire.printed) == 0
    wire.resume()
    finish(wire)
    assert wire.printed == b"on\n"


def test_a_break_in_holds_the_target_until_it_is_resumed() -> None:
    wire = Wire(Target([print_message(b"before\n")]))
    finish(wire)
    stop = wire.stop()
    assert wire.run(5.0, stop.done)
    wire.target.script.append(print_message(b"after\n"))
    wire.run(1.0)
    assert wire.printed == b"before\n"
    resumed = wire.resume()
    assert wire.run(5.0, resumed.done)
    finish(wire)
    assert wire.printed == b"before\nafter\n"
    assert [stop.reason for stop in stops(wire)] == ["break-in"]


def test_attaching_to_a_stopped_target_makes_it_repeat_its_stop() -> None:
    target = Target([breakpoint_message(CODE), print_message(b"on\n")])
    earlier = Wire(target, policy=Policy(breakpoint=Reaction.HOLD))
    assert earlier.run(5.0, lambda: earlier.session.run.held)
    wire = Wire(target)
    stop = wire.stop()
    assert wire.run(10.0, stop.done)
    assert wire.session.run.held
    wire.resume()
    assert wire.run(10.0, lambda: target.idle)
    assert wire.printed == b"on\n"


def test_a_stop_repeated_under_another_id_is_answered_once() -> None:
    """Else the second Continue answers the next stop, unseen."""
    session = Session(Policy(), lambda _: None)
    stop = load_message(b"x.sys")[1]
    sent = exchange(session, encode_data(7, INITIAL_ID | SYNC_BIT, stop))
    assert [each.type for each in sent] == [PacketType.STATE_MANIPULATE]
    assert exchange(session, encode_data(7, INITIAL_ID | 1, stop)) == []
    assert exchange(session, encode_control(PacketType.ACKNOWLEDGE, INITIAL_ID)) == []
    assert session.state is KdState.RUNNING


def test_another_stop_before_the_acknowledgement_gets_its_own_answer() -> None:
    session = Session(Policy(), lambda _: None)
    exchange(session, encode_data(7, INITIAL_ID | SYNC_BIT, load_message(b"x.sys")[1]))
    sent = exchange(session, encode_data(7, INITIAL_ID | 1, load_message(b"y.sys")[1]))
    assert [each.packet_id for each in sent] == [INITIAL_ID | 1]
    assert session.run.stop is not None
    exchange(session, encode_control(PacketType.ACKNOWLEDGE, INITIAL_ID | 1))
    assert session.state is KdState.RUNNING


def exchange(session: Session, data: bytes) -> list[DataPacket]:
    """What the session sends in data packets after it got `data`."""
    sent = session.receive(data, 1.0) + session.work(1.0)
    return [each for each in Parser().feed(sent) if isinstance(each, DataPacket)]


def test_requests_are_for_a_held_target() -> None:
    wire = Wire(Target([print_message(b"x\n")]))
    finish(wire)
    refused: Future[Manipulate] = Future()
    wire.session.run.request(requests.get_version(), refused)
    with pytest.raises(UsageError, match="running"):
        refused.result(0)
    stop = wire.stop()
    assert wire.run(5.0, stop.done)
    reply: Future[Manipulate] = Future()
    wire.session.run.request(requests.get_version(), reply)
    assert wire.run(5.0, reply.done)
    assert decode_version(reply.result(0)).build == 9600


def test_stray_text_comes_in_lines_and_in_its_place() -> None:
    wire = Wire(Target([]))
    for piece in (b"boot ", b"loader\nhalf"):
        wire.session.receive(piece, wire.now)
        wire.session.work(wire.now)
    wire.run(1.0)
    assert wire.events == [RawEvent(text="boot loader\n"), RawEvent(text="half")]


def test_a_target_that_speaks_plain_text_is_recognised_once() -> None:
    wire = Wire(Target([]))
    for _ in range(300):
        wire.session.receive(b"(ntoskrnl/ke/main.c:12) 0000 plain text\n", wire.now)
        wire.session.work(wire.now)
    assert sum(isinstance(event, NoteEvent) for event in wire.events) == 1
    assert all(event.text.endswith("plain text\n") for event in wire.events if isinstance(event, RawEvent))


def test_a_message_that_makes_no_sense_is_noted_and_a_stop_answered() -> None:
    wire = Wire(Target([(PacketType.DEBUG_IO, b"zz"), (PacketType.STATE_CHANGE64, b"\x99\x30\0\0" + bytes(300))]))
    assert wire.run(5.0, lambda: wire.target.continues == 1)
    assert sum(isinstance(event, NoteEvent) for event in wire.events) == 2


def test_a_lost_link_fails_everybody_who_waits() -> None:
    wire = Wire(Target([]))
    stop = wire.stop()
    wire.session.end(lambda: GuestLostError("gone"), KdState.LOST)
    with pytest.raises(GuestLostError):
        stop.result(0)


def snapshot(wire: Wire) -> LinkState:
    return LinkState.from_json(json.loads(json.dumps(wire.freeze().to_json())))


@pytest.mark.parametrize("moment", range(0, 60, 3))
def test_a_target_that_goes_back_in_time_is_followed(moment: int) -> None:
    """Frozen at any point of an exchange, with or without an acknowledgement in flight: nothing lost or doubled."""
    import copy

    script = [print_message(b"%d\n" % i) for i in range(6)]
    script.insert(2, load_message(b"x.sys"))
    script.insert(4, breakpoint_message(CODE))
    script.insert(5, prompt_message(b"?"))
    slow = Faults(piece=40)
    wire = Wire(Target(script), to_host=slow, to_target=slow)
    pieces: list[bytes] = []
    wire._give_target = pieces.append  # type: ignore[method-assign,assignment]
    for _ in range(moment):
        step(wire, pieces)
    pieces.clear()  # what was in flight to the target is lost with the snapshot
    state, target, before = snapshot(wire), copy.deepcopy(wire.target), list(wire.events)
    for _ in range(7):
        step(wire, pieces)

    again = Wire(target)
    again.events += before
    again.session.thaw(state, again.now)
    assert again.run(30.0, lambda: target.idle), again.events
    assert again.printed == b"".join(b"%d\n" % i for i in range(6))
    assert sum(isinstance(event, ModuleEvent) for event in again.events) == 1
    assert {stop.program_counter for stop in stops(again)} == {CODE}
    assert len(of(again, PromptEvent)) == 1


def step(wire: Wire, pieces: list[bytes]) -> None:
    """One small step of both sides."""
    wire.now += 0.003
    wire.target.tick(wire.now)
    data = wire.target.take_output()
    pieces.append(wire.session.receive(data, wire.now) + wire.session.work(wire.now))
    arriving = b"".join(pieces)
    pieces.clear()
    wire.target.receive(arriving[:20], wire.now)
    if arriving[20:]:
        pieces.append(arriving[20:])


def test_a_held_stop_is_still_held_after_a_restore() -> None:
    wire = Wire(Target([print_message(b"x\n")]))
    finish(wire)
    stop = wire.stop()
    assert wire.run(5.0, stop.done)
    state = snapshot(wire)
    fresh = Wire(wire.target)
    fresh.session.thaw(state, fresh.now)
    fresh.run(1.0)
    assert fresh.session.run.held
    assert fresh.session.run.event is not None
    assert fresh.session.run.event.program_counter == BREAK_IN_ADDRESS
    fresh.resume()
    finish(fresh)


def test_a_reply_that_comes_late_is_not_taken_for_the_next() -> None:
    kernel = Kernel()
    kernel.map(kernel.data, b"new!")
    wire = Wire(Target([]))
    wire.target.kernel = kernel
    stop = wire.stop()
    assert wire.run(5.0, stop.done)
    kernel.silent = {Api.READ_VIRTUAL}
    late: Future[Manipulate] = Future()
    wire.session.run.request(requests.read_virtual(kernel.code, 4), late)
    wire.run(1.0)
    wire.session.run.forget(late, wire.now)
    kernel.silent = set()
    reply: Future[Manipulate] = Future()
    wire.session.run.request(requests.read_virtual(kernel.data, 4), reply)
    wire.target._replies.append(kernel.reply(kernel.asked[-1]).encode())  # type: ignore[union-attr]
    assert wire.run(5.0, reply.done)
    assert reply.result(0).data == b"new!"
    assert not late.done()


def test_requests_of_several_take_turns() -> None:
    wire = Wire(Target([]))
    wire.target.kernel = Kernel()
    stop = wire.stop()
    assert wire.run(5.0, stop.done)
    futures: list[Future[Manipulate]] = [Future() for _ in range(5)]
    for number, future in enumerate(futures):
        wire.session.run.request(requests.read_virtual(0xFFFFF80000020000 + number, 1), future)
    assert wire.run(5.0, futures[-1].done)
    assert [future.result(0).union[0] for future in futures] == [0, 1, 2, 3, 4]


def test_a_restart_fails_the_request_that_waits() -> None:
    wire = Wire(Target([]))
    wire.target.kernel = Kernel()
    wire.target.kernel.silent = {Api.GET_VERSION}
    stop = wire.stop()
    assert wire.run(5.0, stop.done)
    reply: Future[Manipulate] = Future()
    wire.session.run.request(requests.get_version(), reply)
    wire.run(0.5)
    wire.target = Target([print_message(b"new boot\n")])
    assert wire.run(5.0, reply.done)
    with pytest.raises(InfrastructureError, match="before it answered"):
        reply.result(0)


def test_the_end_of_a_session_is_no_module() -> None:
    wire = Wire(Target([load_message(b"", base=2**64 - 1, unload=True), print_message(b"on\n")]))
    finish(wire)
    assert of(wire, ModuleEvent) == []
    assert any(
        "ends the debugger session" in event.text for event in of(wire, NoteEvent) if isinstance(event, NoteEvent)
    )


def test_trace_packets_are_kept() -> None:
    payload = struct.pack("<IHHI", 0x3330, 6, 0, 4).ljust(64, b"\0") + b"data"
    wire = Wire(Target([(PacketType.TRACE_IO, payload), print_message(b"on\n")]))
    finish(wire)
    (event,) = of(wire, TraceEvent)
    assert describe(event) == ("note", None, "trace packet of 68 bytes", {"trace": payload.hex()})


def test_a_prompt_that_was_not_foreseen_is_marked_and_answered() -> None:
    wire = Wire(Target([prompt_message(b"(boipt)? ")]), policy=Policy(fail_on_prompt=True))
    finish(wire)
    assert [answer[16:] for answer in wire.target.answers] == [b"i"]
    (event,) = of(wire, PromptEvent)
    assert describe(event)[3] == {"answer": "i", "failed": True}


def test_a_print_that_says_where_it_comes_from() -> None:
    carrying = PrintString(0x4C4B, 1, b"x\n", 77 | 3 << 8 | 11 << 16).encode()
    nobodys = PrintString(0x4C4B, 0, b"y\n", 101).encode()
    usual = PrintString(6, 0, b"z\n", 77 | 3 << 8 | 11 << 16).encode()
    wire = Wire(Target([(PacketType.DEBUG_IO, each) for each in (carrying, nobodys, usual)]))
    finish(wire)
    assert of(wire, PrintEvent) == [
        PrintEvent(processor=1, text="x\n", component=77, level=3, process=44),
        PrintEvent(processor=0, text="y\n", component=101, level=0),
        PrintEvent(processor=0, text="z\n"),
    ]
    assert [describe(event)[3] for event in of(wire, PrintEvent)] == [
        {"component": 77, "level": 3, "process": 44},
        {"component": 101, "level": 0},
        {},
    ]


def test_a_policy_holds_from_its_setting_on() -> None:
    wire = Wire(Target([exception_message(0xC0000005, CODE)]), policy=Policy(collect=False))
    finish(wire)
    wire.session.run.answering.policy = Policy(exception=Reaction.HOLD)
    wire.target.script.append(exception_message(0xC0000005, CODE + 1))
    assert wire.run(5.0, lambda: wire.session.run.held)


@pytest.mark.parametrize("others", [0, 1])
def test_a_stop_that_comes_when_nobody_waits_any_more_is_let_go(others: int) -> None:
    wire = Wire(Target([print_message(b"x\n")]))
    finish(wire)
    late: Future[StopEvent | None] = Future()
    wire.session.run.ask_break_in(late, wire.now, hold=True)
    stops = [wire.stop() for _ in range(others)]
    assert wire.run(5.0, late.done)
    wire.session.run.give_up_break_in(late, wire.now)
    wire.run(1.0)
    assert wire.session.run.held == bool(others)
    if stops:
        wire.resume()
    finish(wire)


def test_a_target_that_breaks_in_wherever_it_is_does_so_unseen() -> None:
    kernel = Kernel()
    kernel.end = 0
    wire = Wire(Target([print_message(b"x\n")]))
    wire.target.kernel = kernel
    finish(wire)
    for number in range(5):
        kernel.counter = kernel.code + 0x40 * number
        synced = wire.sync()
        assert wire.run(5.0, synced.done)
    finish(wire)
    assert stops(wire) == []


def test_a_breakpoint_that_is_hit_before_a_break_in_is_answered_is_no_break_in() -> None:
    kernel = Kernel()
    wire = Wire(Target([]), policy=Policy(breakpoint=Reaction.HOLD))
    wire.target.kernel = kernel
    first = wire.stop()
    assert wire.run(5.0, first.done)
    at = kernel.code + 0x20
    reply: Future[Manipulate] = Future()
    wire.session.run.request(requests.write_breakpoint(at), reply)
    assert wire.run(5.0, reply.done)
    resumed = wire.resume()
    wire.run(0.02, resumed.done)
    wire.session.run.ask_break_in(Future(), wire.now, hold=False)
    assert wire.run(5.0, lambda: len(stops(wire)) == 2)
    assert stops(wire)[1].reason == "breakpoint"


def test_sync_waits_for_its_own_stop() -> None:
    """What is printed between another stop and ours came before the call, too."""
    wire = Wire(Target([print_message(b"x\n")]), policy=Policy(collect=False))
    finish(wire)
    wire.target.script.extend([exception_message(0xC0000005, CODE), print_message(b"late\n")])
    synced = wire.sync()
    wire.target.tick(wire.now)  # the exception is on its way before the break-in arrives
    assert wire.run(10.0, synced.done)
    assert wire.printed == b"x\nlate\n"
