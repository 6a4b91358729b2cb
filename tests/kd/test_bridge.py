"""A second debugger behind the first: both see everything, and nothing of it shows when it leaves."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from lab.errors import GuestLostError
from lab.kd import peer as peer_module
from lab.kd import requests
from lab.kd.bridge import Bridge
from lab.kd.client import KdClient
from lab.kd.events import PrintEvent, PromptEvent, StopEvent
from lab.kd.kd_state import KdState
from lab.kd.log import KdLog, LogEntry, read_log
from lab.kd.packets import INITIAL_ID, ControlPacket, DataPacket, Item, PacketType, Parser, encode_control, encode_data
from lab.kd.policy import Policy, Reaction
from lab.kd.transport import Transport, UnixTransport

from .live import LiveTarget
from .target import Target, breakpoint_message, exception_message, load_message, print_message, prompt_message

CODE = 0xFFFFF80000004321
HOLD = Policy(breakpoint=Reaction.HOLD, exception=Reaction.HOLD, bugcheck=Reaction.HOLD)


class Lab:
    """A target, the client that owns it, its log and its bridge."""

    def __init__(self, directory: Path) -> None:
        self.live = LiveTarget(Target([print_message(b"boot\n")]))
        self.log = KdLog(directory)
        self.client = KdClient(self.live.transport, self.log)
        self.socket = directory / "kd-bridge.sock"
        self.bridge = Bridge(self.socket, self.client, self.log)
        self.client.start()
        self.bridge.start()
        self.wait(lambda: self.live.target.idle)
        self.debuggers: list[Debugger] = []

    def attach(self, policy: Policy | None = None) -> Debugger:
        before = self.noted("attached")
        debugger = Debugger(self.socket, policy)
        self.debuggers.append(debugger)
        self.wait(lambda: self.noted("attached") > before)
        return debugger

    def wait(self, condition: Callable[[], bool]) -> None:
        self.live.wait_until(condition)

    def entries(self) -> list[LogEntry]:
        self.client.flush()
        return list(read_log(self.log.path))

    def noted(self, what: str) -> int:
        return sum(entry.extras.get("debugger") == what for entry in self.entries())

    @property
    def printed(self) -> str:
        return "".join(entry.text for entry in self.entries() if entry.kind == "print")

    def close(self) -> None:
        for debugger in self.debuggers:
            debugger.client.close()
        self.bridge.close()
        self.client.close()
        self.live.close()
        self.log.close()


class Debugger:
    """A second client, on the bridge."""

    def __init__(self, path: Path, policy: Policy | None) -> None:
        self.transport = UnixTransport(path)
        self.client = KdClient(self.transport, policy=policy)
        self._events = self.client.subscribe()
        self._seen = ""
        self.client.start()

    def printed(self, length: int) -> str:
        while len(self._seen) < length:
            event = self._events.get(5.0)
            if isinstance(event, PrintEvent):
                self._seen += event.text
        return self._seen


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


def lines(count: int, start: int = 0) -> list[bytes]:
    return [b"line %d\n" % i for i in range(start, start + count)]


def test_prints_arrive_at_both_once_and_in_order(lab: Lab) -> None:
    debugger = lab.attach()
    lab.live.say(*map(print_message, lines(500)))
    text = b"".join(lines(500)).decode()
    assert debugger.printed(len(text)) == text
    lab.wait(lambda: len(lab.printed) == len("boot\n" + text))  # The debugger may have the last one first.
    assert lab.printed == "boot\n" + text
    assert debugger.client.state is KdState.RUNNING


def test_module_loads_go_through_the_debugger_and_on(lab: Lab) -> None:
    debugger = lab.attach()
    messages = [each for i in range(20) for each in (load_message(b"m%d.sys" % i), print_message(b"%02d\n" % i))]
    lab.live.say(*messages)
    text = "".join(f"{i:02d}\n" for i in range(20))
    assert debugger.printed(len(text)) == text
    assert lab.live.target.continues == 20
    assert sum(entry.kind == "module" for entry in lab.entries()) == 20


def test_break_in_memory_registers_breakpoint_and_on(lab: Lab) -> None:
    client = lab.attach().client
    stop = client.break_in(5.0)
    assert stop.code == 0x80000003
    assert lab.client.held
    assert client.version().build == 9600
    assert client.read_virtual(0x1000, 300) == (bytes(range(256)) * 2)[:300]
    assert client.get_context() is not None
    handle = requests.breakpoint_handle(client.request(requests.write_breakpoint(CODE)))
    assert lab.live.target.breakpoints == {handle: CODE}
    client.request(requests.restore_breakpoint(handle))
    client.resume()
    lab.wait(lambda: lab.live.target.idle and client.state is KdState.RUNNING)
    assert lab.live.target.breakpoints == {}


def test_stops_are_the_debuggers_and_in_our_log(lab: Lab) -> None:
    client = lab.attach(HOLD).client
    with client.subscribe() as events:
        lab.live.say(exception_message(0xC0000005, CODE), print_message(b"on\n"))
        stop = events.wait_for(lambda event: isinstance(event, StopEvent), 5.0)
    assert isinstance(stop, StopEvent)
    assert stop.code == 0xC0000005
    client.resume()
    lab.wait(lambda: "on" in lab.printed)
    assert [entry.extras["code"] for entry in lab.entries() if entry.kind == "stop"] == [0xC0000005]


def test_prompts_are_the_debuggers(lab: Lab) -> None:
    client = lab.attach(Policy(default_answer="o")).client
    with client.subscribe() as events:
        lab.live.say(prompt_message(b"(boipt)? "))
        events.wait_for(lambda event: isinstance(event, PromptEvent), 5.0)
    lab.wait(lambda: lab.live.target.idle)
    assert lab.live.target.answers[0][16:] == b"o"


def test_it_sees_the_stop_on_which_the_target_is_held_already(lab: Lab) -> None:
    lab.client.break_in(5.0)
    client = lab.attach(HOLD).client
    lab.wait(lambda: client.state is KdState.STOPPED)
    client.resume()
    lab.wait(lambda: lab.live.target.idle and lab.client.state is KdState.RUNNING)


def test_reset_brings_the_stop_again(lab: Lab) -> None:
    lab.client.break_in(5.0)
    raw = UnixTransport(lab.socket)
    first = packet(raw)
    raw.send(encode_control(PacketType.ACKNOWLEDGE, INITIAL_ID))
    raw.send(encode_control(PacketType.RESET))
    assert packet(raw) == ControlPacket(PacketType.RESET, 0)
    again = packet(raw)
    assert isinstance(first, DataPacket)
    assert again == DataPacket(PacketType.STATE_CHANGE64, INITIAL_ID, first.payload)
    raw.close()
    lab.wait(lambda: lab.live.target.idle)


@pytest.mark.parametrize("stop", ["break-in", "breakpoint", "module"])
def test_when_it_is_killed_while_it_holds_the_target_runs_on(lab: Lab, stop: str) -> None:
    debugger = lab.attach(HOLD)
    if stop == "break-in":
        debugger.client.break_in(5.0)
    else:
        lab.live.say(breakpoint_message(CODE) if stop == "breakpoint" else load_message(b"x.sys"))
        if stop == "breakpoint":
            lab.wait(lambda: debugger.client.held)
    kill(debugger)
    lab.live.say(print_message(b"on\n"))
    lab.wait(lambda: "on\n" in lab.printed)
    lab.wait(lambda: lab.noted("left") == 1)
    lab.wait(lambda: lab.bridge.attached is None and lab.client.state is KdState.RUNNING)


def test_its_breakpoints_go_with_it(lab: Lab) -> None:
    debugger = lab.attach()
    debugger.client.break_in(5.0)
    for i in range(5):
        debugger.client.request(requests.write_breakpoint(CODE + i))
    debugger.client.resume()
    lab.wait(lambda: lab.client.state is KdState.RUNNING)
    assert len(lab.live.target.breakpoints) == 5
    kill(debugger)
    lab.wait(lambda: lab.noted("left") == 1)
    assert lab.live.target.breakpoints == {}
    lab.wait(lambda: lab.live.target.idle)


def test_a_stop_on_its_own_breakpoint_does_not_outlive_it(lab: Lab) -> None:
    lab.client.set_policy(HOLD)
    debugger = lab.attach(HOLD)
    debugger.client.break_in(5.0)
    debugger.client.request(requests.write_breakpoint(CODE))
    debugger.client.resume()
    lab.live.say(exception_message(0x80000003, CODE), print_message(b"on\n"))
    lab.wait(lambda: debugger.client.held)
    kill(debugger)
    lab.wait(lambda: "on\n" in lab.printed)
    lab.wait(lambda: lab.live.target.breakpoints == {})


def test_twenty_debuggers_one_after_the_other(lab: Lab) -> None:
    text = ""
    for turn in range(20):
        debugger = lab.attach()
        lab.live.say(*map(print_message, lines(5, turn * 5)))
        expected = b"".join(lines(5, turn * 5)).decode()
        text += expected
        assert debugger.printed(len(expected)) == expected
        if turn % 3 == 0:
            debugger.client.break_in(5.0)
            debugger.client.request(requests.write_breakpoint(CODE + turn))
        kill(debugger) if turn % 2 else debugger.client.close()
    lab.wait(lambda: lab.noted("left") == 20)
    assert lab.printed == "boot\n" + text
    assert lab.live.target.breakpoints == {}
    lab.wait(lambda: lab.live.target.idle)


def test_there_is_one_at_a_time(lab: Lab) -> None:
    first = lab.attach()
    assert lab.bridge.attached is not None
    assert "process" in lab.bridge.attached
    second = UnixTransport(lab.socket)
    assert second.recv(1, 5.0) == b""
    second.close()
    lab.wait(lambda: lab.noted("refused") == 1)
    lab.live.say(print_message(b"still\n"))
    assert first.printed(6) == "still\n"


def test_one_that_does_not_read_is_sent_away(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_module, "QUEUE_LIMIT", 4096)
    mute = UnixTransport(lab.socket)
    lab.wait(lambda: lab.noted("attached") == 1)
    lab.live.say(*[print_message(bytes(500)) for _ in range(20)], load_message(b"x.sys"), print_message(b"on\n"))
    lab.wait(lambda: "on\n" in lab.printed)
    lab.wait(lambda: lab.noted("left") == 1)
    assert "did not take" in next(entry.text for entry in lab.entries() if entry.extras.get("debugger") == "left")
    mute.close()


def test_one_that_does_not_acknowledge_is_sent_away(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.kd.target_link.RETRANSMIT_AFTER", 0.01)
    mute = UnixTransport(lab.socket)
    lab.wait(lambda: lab.noted("attached") == 1)
    lab.live.say(load_message(b"x.sys"), print_message(b"on\n"))
    lab.wait(lambda: "on\n" in lab.printed)
    lab.wait(lambda: lab.noted("left") == 1)
    mute.close()


def test_nonsense_from_it_reaches_nobody(lab: Lab) -> None:
    debugger = UnixTransport(lab.socket)
    lab.wait(lambda: lab.noted("attached") == 1)
    debugger.send(bytes(range(256)).replace(b"b", b"") * 50)
    for number, kind in enumerate((PacketType.STATE_MANIPULATE, PacketType.DEBUG_IO, PacketType.FILE_IO)):
        debugger.send(encode_data(kind, INITIAL_ID | number % 2, b"\0" * number))
    lab.live.say(print_message(b"on\n"))
    lab.wait(lambda: "on\n" in lab.printed)
    assert lab.live.target.answers == []
    debugger.close()
    lab.wait(lambda: lab.noted("left") == 1)


def test_sync_does_not_wait_while_a_debugger_holds(lab: Lab) -> None:
    client = lab.attach(HOLD).client
    lab.client.sync(5.0)
    assert client.state is KdState.UNKNOWN
    client.break_in(5.0)
    begun = time.monotonic()
    lab.client.sync(20.0)
    assert time.monotonic() - begun < 10
    assert client.held


def test_a_snapshot_restored_under_it(lab: Lab) -> None:
    client = lab.attach(HOLD).client
    lab.live.pause()
    state = lab.client.freeze()
    copy = deepcopy(lab.live.target)
    lab.live.go_on()
    lab.client.unfreeze()
    client.break_in(5.0)
    client.request(requests.write_breakpoint(CODE))
    lab.live.pause()
    lab.client.thaw(state)
    lab.live.go_on(copy)
    lab.wait(lambda: client.state is KdState.RUNNING)
    lab.live.say(print_message(b"after\n"))
    lab.wait(lambda: "after\n" in lab.printed)
    assert client.break_in(5.0).code == 0x80000003
    client.resume()


def test_the_target_gone_is_the_link_lost_for_it(lab: Lab) -> None:
    client = lab.attach().client
    lab.live.close()
    with pytest.raises(GuestLostError):
        client.wait_for(lambda _: False, 5.0)
    lab.wait(lambda: lab.bridge.attached is None)


def test_closing_sends_it_away(lab: Lab) -> None:
    debugger = lab.attach(HOLD)
    debugger.client.break_in(5.0)
    lab.bridge.close()
    lab.wait(lambda: debugger.client.state is KdState.LOST)
    assert lab.noted("left") == 1
    lab.wait(lambda: lab.live.target.idle)


def packet(transport: Transport) -> Item:
    """The next packet."""
    parser = Parser()
    while True:
        if items := parser.feed(transport.recv(1, 5.0) or b""):
            return items[0]


def kill(debugger: Debugger) -> None:
    """What the kernel does with the socket of a process that was killed."""
    connection = socket.socket(fileno=debugger.transport._descriptor)
    connection.shutdown(socket.SHUT_RDWR)
    connection.detach()
