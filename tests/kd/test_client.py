from __future__ import annotations

import copy
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.errors import GuestLostError, HungError, UsageError
from lab.kd.client import KdClient, KdState
from lab.kd.events import KdEvent, LinkLostEvent, PrintEvent
from lab.kd.link import LinkState
from lab.kd.log import KdLog, LogEntry, read_log
from lab.kd.packets import INITIAL_ID, SYNC_BIT, PacketType, Parser, encode_data
from lab.kd.policy import Policy, Reaction
from lab.kd.state_change import Machine
from lab.kd.transport import SocketTransport, TcpTransport, UnixTransport

from .live import LiveTarget
from .target import BREAK_IN_ADDRESS, Target, breakpoint_message, load_message, print_message


class Setup:
    """A client with its log on a live target."""

    def __init__(self, directory: Path) -> None:
        self.live = LiveTarget(Target([print_message(b"boot\n")]))
        self.log = KdLog(directory)
        self.client = KdClient(self.live.transport, self.log)
        self.client.start()

    def entries(self) -> list[LogEntry]:
        return list(read_log(self.log.path))

    def printed(self) -> str:
        return "".join(entry.text for entry in self.entries() if entry.kind == "print")


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    setup = Setup(tmp_path)
    yield setup
    setup.client.close()
    setup.live.close()
    setup.log.close()


def test_prints_and_modules_are_in_the_log_after_sync(setup: Setup) -> None:
    setup.live.say(*[print_message(b"%d\n" % i, i % 2) for i in range(100)], load_message(b"x.sys"))
    setup.live.wait_until(lambda: setup.live.target.continues == 1)
    setup.client.sync(5.0)
    assert setup.printed() == "boot\n" + "".join(f"{i}\n" for i in range(100))
    assert [entry.kind for entry in setup.entries() if entry.kind != "print"] == ["resync", "module"]
    assert setup.entries()[3].cpu == 1
    assert setup.client.state is KdState.RUNNING


def test_a_held_target_answers_and_goes_on(setup: Setup) -> None:
    stop = setup.client.break_in(5.0)
    assert stop.program_counter == BREAK_IN_ADDRESS
    assert setup.client.state is KdState.STOPPED
    assert setup.client.break_in(5.0) == stop
    version = setup.client.version()
    assert (version.build, version.machine) == (9600, Machine.AMD64)
    assert setup.client.read_virtual(0x1010, 3000) == (bytes(range(256)) * 16)[16:3016]
    assert setup.client.read_virtual(0x1FF0, 100) == bytes(range(0xF0, 0x100))
    context = setup.client.get_context()
    assert context is not None
    assert context.program_counter == BREAK_IN_ADDRESS
    setup.client.resume()
    assert str(setup.client.state) == "running"
    with pytest.raises(UsageError):
        setup.client.version()
    assert [entry.extras["reason"] for entry in setup.entries() if entry.kind == "stop"] == ["break-in"]


def test_who_waits_gets_the_event(setup: Setup) -> None:
    with setup.client.subscribe() as subscription:
        setup.live.say(print_message(b"first\n"), print_message(b"second\n"))
        event = subscription.wait_for(lambda each: isinstance(each, PrintEvent) and each.text == "second\n", 5.0)
    setup.client.flush()
    assert next(entry.text for entry in setup.entries() if entry.seq == event.seq) == "second\n"
    with pytest.raises(HungError, match="did not come in"):
        setup.client.wait_for(lambda _: False, 0.05)


def test_a_consumer_that_stalls_delays_no_acknowledgement(setup: Setup) -> None:
    freed = threading.Event()

    def stall(event: KdEvent) -> bool:
        freed.wait(30.0)
        return isinstance(event, PrintEvent) and event.text == "end\n"

    with setup.client.subscribe() as subscription:
        slow = threading.Thread(target=subscription.wait_for, args=(stall, 30.0))
        slow.start()
        setup.live.say(*[print_message(b"x\n")] * 300, print_message(b"end\n"))
        setup.live.wait_until(lambda: setup.live.target.idle)
        assert slow.is_alive()
        freed.set()
        slow.join()


def test_a_target_that_does_not_answer_is_hung_and_the_late_stop_is_let_go(setup: Setup) -> None:
    setup.client.sync(5.0)
    setup.live.pause()
    with pytest.raises(HungError, match="break-in") as caught:
        setup.client.break_in(0.5)
    assert caught.value.advice
    setup.live.go_on()
    setup.live.wait_until(lambda: setup.live.target.continues == 2)
    setup.live.say(print_message(b"on\n"))
    setup.client.sync(5.0)
    assert setup.printed().endswith("on\n")


def test_a_closed_socket_fails_all_calls_at_once(setup: Setup) -> None:
    failures: list[Exception] = []

    def wait() -> None:
        try:
            setup.client.wait_for(lambda event: isinstance(event, str), 30.0)
        except GuestLostError as error:
            failures.append(error)

    def break_in() -> None:
        try:
            setup.client.break_in(30.0)
        except GuestLostError as error:
            failures.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    setup.live.pause()
    time.sleep(0.02)
    breaking = threading.Thread(target=break_in)
    breaking.start()
    setup.live.close()
    waiting.join(2.0)
    breaking.join(2.0)
    assert not waiting.is_alive()
    assert not breaking.is_alive()
    assert len(failures) == 2
    assert setup.client.state is KdState.LOST
    assert setup.entries()[-1].extras == {"lost": True}
    with pytest.raises(GuestLostError):
        setup.client.sync(5.0)
    with pytest.raises(GuestLostError):
        setup.client.wait_for(lambda event: isinstance(event, LinkLostEvent), 5.0)


def test_closing_lets_a_held_target_run(setup: Setup) -> None:
    setup.client.break_in(5.0)
    setup.client.close()
    assert setup.live.target.continues == 1
    assert setup.client.state is KdState.CLOSED


def test_a_deadline_does_not_run_while_the_machine_is_paused(setup: Setup) -> None:
    setup.client.break_in(5.0)
    setup.live.pause()
    setup.client.freeze()
    replies: list[object] = []
    asking = threading.Thread(target=lambda: replies.append(setup.client.version(timeout=0.4)))
    asking.start()
    time.sleep(1.0)
    assert asking.is_alive()
    setup.live.go_on()
    setup.client.unfreeze()
    asking.join(5.0)
    assert len(replies) == 1


def test_a_deadline_runs_when_the_machine_does(setup: Setup) -> None:
    setup.client.break_in(5.0)
    setup.live.pause()
    setup.client.freeze()
    setup.client.unfreeze()
    begin = time.monotonic()
    with pytest.raises(HungError, match="request 0x3146"):
        setup.client.version(timeout=0.3)
    assert time.monotonic() - begin < 10
    setup.live.go_on()
    assert setup.client.version().build == 9600


def test_a_byte_says_that_the_machine_is_not_paused_any_more(setup: Setup) -> None:
    setup.live.pause()
    setup.client.freeze()
    setup.live.go_on()
    setup.live.say(print_message(b"on\n"))
    setup.live.wait_until(lambda: setup.live.target.idle)
    setup.live.pause()
    with pytest.raises(HungError):
        setup.client.break_in(0.3)
    setup.live.go_on()


def test_the_policy_is_changed_and_files_are_served_while_it_runs(setup: Setup, tmp_path: Path) -> None:
    setup.client.set_policy(Policy(breakpoint=Reaction.HOLD))
    setup.client.serve({"x.sys": tmp_path / "kd.jsonl"})
    assert setup.client.policy.breakpoint is Reaction.HOLD
    setup.live.say(breakpoint_message(0xFFFFF80000009000))
    setup.live.wait_until(lambda: setup.client.held)
    setup.client.resume()


@pytest.mark.parametrize("new_client", [False, True])
def test_ten_restores_lose_and_double_nothing(setup: Setup, new_client: bool) -> None:
    setup.client.sync(5.0)
    setup.live.pause()
    state = json.loads(json.dumps(setup.client.freeze().to_json()))
    saved = copy.deepcopy(setup.live.target)
    setup.live.go_on()
    client, log, live = setup.client, setup.log, setup.live
    expected = "boot\n"
    for turn in range(10):
        live.say(
            *[print_message(b"%d.%d\n" % (turn, i)) for i in range(turn + 1)], breakpoint_message(0xFFFFF80000009000)
        )
        client.sync(5.0)
        live.wait_until(lambda: live.target.idle)  # noqa: B023
        client.flush()
        expected += "".join(f"{turn}.{i}\n" for i in range(turn + 1))
        live.say(print_message(b"unseen future %d\n" % turn))
        live.pause()
        if new_client:
            client.close()
            live = LiveTarget(copy.deepcopy(saved))
            live.pause()
            client = KdClient(live.transport, log)
            client.start()
        client.thaw(LinkState.from_json(state))
        live.go_on(copy.deepcopy(saved))
    client.sync(5.0)
    text = "".join(line for line in setup.printed().splitlines(keepends=True) if "unseen" not in line)
    assert text == expected
    assert sum(entry.kind == "marker" for entry in setup.entries()) == 10
    if new_client:
        client.close()
        live.close()


def test_hushed_it_waits_until_all_was_read_and_sends_no_more(setup: Setup) -> None:
    setup.client.sync(5.0)
    setup.live.pause()
    setup.client.interrupt()
    setup.live.wait_until(lambda: setup.live.transport.unread > 0)
    hushing = threading.Thread(target=setup.client.hush, args=(10.0,))
    hushing.start()
    hushing.join(0.2)
    assert hushing.is_alive(), "the machine has not read it"
    setup.live.go_on()
    hushing.join(5.0)
    assert not hushing.is_alive()
    setup.live.wait_until(lambda: setup.client.held)
    before = setup.live.target.continues
    with pytest.raises(HungError):
        setup.client.resume(0.3)
    assert setup.live.target.continues == before
    setup.client.unfreeze()
    setup.live.wait_until(lambda: setup.live.target.idle)


def test_what_a_dead_machine_left_unread_does_no_harm_to_the_one_that_it_becomes(setup: Setup) -> None:
    setup.client.sync(5.0)
    setup.live.pause()
    state = setup.client.freeze()
    saved = copy.deepcopy(setup.live.target)
    setup.client.interrupt()
    setup.live.wait_until(lambda: setup.live.transport.unread > 0)
    setup.client.hush(0.1)
    assert setup.live.transport.unread > 0
    setup.client.thaw(state)
    setup.live.go_on(saved)
    setup.client.unfreeze()
    setup.live.say(print_message(b"on\n"))
    setup.client.sync(5.0)
    assert setup.printed() == "boot\non\n"


def test_a_flood_of_bytes_is_acknowledged_before_it_is_worked_on() -> None:
    ours, theirs = socket.socketpair()
    client = KdClient(SocketTransport(ours))
    client.start()
    ids = [INITIAL_ID | SYNC_BIT, *[INITIAL_ID | i % 2 for i in range(1, 2000)]]
    for packet_id in ids:
        theirs.sendall(encode_data(PacketType.DEBUG_IO, packet_id, print_message(b"x" * 100)[1]))
    theirs.settimeout(5.0)
    parser, acknowledged = Parser(), 0
    while acknowledged < len(ids):
        acknowledged += len(parser.feed(theirs.recv(65536)))
    client.close()
    theirs.close()


def test_a_unix_socket_may_have_a_long_path(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 120)
    directory.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        handle = os.open(directory, os.O_PATH)
        server.bind(f"/proc/self/fd/{handle}/kd.sock")
        os.close(handle)
        server.listen()
        transport = UnixTransport(directory / "kd.sock")
        connection, _ = server.accept()
        connection.sendall(b"hello")
        assert transport.recv(100, 5.0) == b"hello"
        assert transport.recv(100, 0.01) is None
        transport.send(b"there")
        assert connection.recv(100) == b"there"
        connection.close()
        assert transport.recv(100, 5.0) == b""
        transport.close()


def test_nobody_at_the_other_end_is_said_with_the_address(tmp_path: Path) -> None:
    with pytest.raises(GuestLostError, match=r"nobody\.sock"):
        UnixTransport(tmp_path / "nobody.sock")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(GuestLostError, match=f"127.0.0.1:{port}"):
        TcpTransport("127.0.0.1", port)
