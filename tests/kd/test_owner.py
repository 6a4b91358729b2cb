"""A debugger behind the client: it gets stops and prompts, and decides when the target runs on."""

from __future__ import annotations

import struct

import pytest

from lab.errors import UsageError
from lab.kd import manipulate, requests
from lab.kd.events import ModuleEvent, PromptEvent, StopEvent
from lab.kd.kd_state import KdState
from lab.kd.manipulate import Api, Manipulate
from lab.kd.policy import Policy, Reaction

from .kernel import Kernel
from .target import Target, breakpoint_message, exception_message, load_message, print_message, prompt_message
from .wire import Wire

CODE = 0xFFFFF80000004321


class Recorder:
    """An owner that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bytes]] = []

    def printed(self, payload: bytes) -> None:
        self.told.append(("printed", payload))

    def stopped(self, payload: bytes) -> None:
        self.told.append(("stopped", payload))

    def replied(self, payload: bytes) -> None:
        self.told.append(("replied", payload))

    def prompted(self, payload: bytes) -> None:
        self.told.append(("prompted", payload))

    def lost(self) -> None:
        self.told.append(("lost", b""))

    def payloads(self, what: str) -> list[bytes]:
        return [payload for kind, payload in self.told if kind == what]


def owned(*script: tuple[int, bytes], policy: Policy | None = None) -> tuple[Wire, Recorder]:
    """A target that runs, with an owner; then it says the script."""
    wire = Wire(Target([print_message(b"boot\n")]), policy=policy)
    assert wire.run(5.0, lambda: wire.target.idle)
    owner = Recorder()
    wire.session.run.attach(owner, wire.now)
    wire.target.script.extend(script)
    return wire, owner


def go(wire: Wire) -> None:
    wire.session.run.relay(requests.go_on().encode(), wire.now)


@pytest.mark.parametrize("message", [load_message(b"x.sys"), exception_message(0xC0000005, CODE)])
def test_every_stop_waits_for_the_owners_continue(message: tuple[int, bytes]) -> None:
    wire, owner = owned(message, print_message(b"on\n"))
    wire.run(5.0)
    assert owner.told == [("stopped", message[1])]
    assert wire.target.continues == 0
    assert any(isinstance(event, ModuleEvent | StopEvent) for event in wire.events)
    go(wire)
    assert wire.run(5.0, lambda: wire.target.idle)
    assert wire.target.continues == 1
    assert owner.told[1:] == [("printed", print_message(b"on\n")[1])]
    assert wire.printed == b"boot\non\n"


def test_replies_come_back_as_the_target_sent_them() -> None:
    wire, owner = owned(breakpoint_message(CODE))
    wire.run(1.0, lambda: bool(owner.told))
    read = Manipulate(Api.READ_VIRTUAL, struct.pack("<QII", 0x1010, 32, 0xAAAA) + b"junk" * 6, level=6, padding=77)
    wire.session.run.relay(read.encode(), wire.now)
    wire.session.run.relay(Manipulate(0x31F0, b"?" * 40).encode(), wire.now)
    assert wire.run(5.0, lambda: len(owner.payloads("replied")) == 2)
    first, second = (manipulate.decode(payload) for payload in owner.payloads("replied"))
    assert first.data == bytes(range(16, 48))
    assert first.union[16:] == b"junk" * 6
    assert (second.api, second.status) == (0x31F0, 0xC0000001)


@pytest.mark.parametrize("api", [Api.CONTINUE2, Api.REBOOT, Api.CAUSE_BUGCHECK])
def test_what_has_no_reply_lets_the_target_go(api: Api) -> None:
    wire, owner = owned(load_message(b"x.sys"))
    wire.run(1.0, lambda: bool(owner.told))
    wire.session.run.relay(Manipulate(api).encode(), wire.now)
    assert wire.run(5.0, lambda: wire.session.state is KdState.RUNNING)
    wire.session.run.relay(requests.get_version().encode(), wire.now)  # comes too late
    wire.run(1.0)
    assert owner.payloads("replied") == []


def test_switching_the_processor_brings_the_stop_again() -> None:
    wire, owner = owned(exception_message(0xC0000005, CODE))
    wire.run(1.0, lambda: bool(owner.told))
    wire.session.run.relay(Manipulate(Api.SWITCH_PROCESSOR, processor=1).encode(), wire.now)
    wire.session.run.relay(requests.get_version().encode(), wire.now)
    assert wire.run(5.0, lambda: len(owner.told) == 3)
    assert [kind for kind, _ in owner.told] == ["stopped", "stopped", "replied"]
    assert struct.unpack_from("<H", owner.payloads("stopped")[1], 6) == (1,)
    assert sum(isinstance(event, StopEvent) for event in wire.events) == 1
    go(wire)
    assert wire.run(5.0, lambda: wire.target.idle)
    assert wire.target.continues == 1


def test_the_owner_answers_prompts() -> None:
    message = prompt_message(b"(boipt)? ")
    wire, owner = owned(message, print_message(b"on\n"))
    wire.run(2.0)
    assert owner.told == [("prompted", message[1])]
    answer = struct.pack("<IHHII", 0x3231, 6, 0, 0, 1) + b"o"
    wire.session.answer_prompt(answer)
    assert wire.run(5.0, lambda: wire.target.idle)
    assert wire.target.answers == [answer]
    assert [event.answer for event in wire.events if isinstance(event, PromptEvent)] == ["o"]


def test_when_the_owner_leaves_its_stop_and_its_prompt_go_on() -> None:
    for message in (load_message(b"x.sys"), breakpoint_message(CODE), prompt_message(b"?")):
        wire, owner = owned(message, print_message(b"on\n"))
        wire.run(1.0, lambda: bool(owner.told))  # noqa: B023
        wire.session.detach(owner, wire.now)
        assert wire.run(5.0, lambda: wire.target.idle)  # noqa: B023
        assert wire.printed == b"boot\non\n"
        wire.session.run.attach(owner, wire.now)


def test_when_the_owner_leaves_the_policy_can_keep_the_stop() -> None:
    wire, owner = owned(breakpoint_message(CODE), policy=Policy(breakpoint=Reaction.HOLD))
    wire.run(1.0, lambda: bool(owner.told))
    wire.session.detach(owner, wire.now)
    wire.run(2.0)
    assert wire.session.run.held
    wire.resume()
    assert wire.run(5.0, lambda: wire.target.idle)


def test_there_is_one_owner() -> None:
    wire, owner = owned()
    with pytest.raises(UsageError, match="already"):
        wire.session.run.attach(Recorder(), wire.now)
    wire.session.detach(Recorder(), wire.now)
    wire.session.detach(owner, wire.now)
    wire.session.run.attach(Recorder(), wire.now)


def test_a_target_that_is_held_already_is_given_to_the_owner() -> None:
    wire = Wire(Target([exception_message(0xC0000005, CODE)]), policy=Policy(exception=Reaction.HOLD))
    assert wire.run(5.0, lambda: wire.session.run.held)
    owner = Recorder()
    wire.session.run.attach(owner, wire.now)
    assert owner.told == [("stopped", exception_message(0xC0000005, CODE)[1])]
    go(wire)
    assert wire.run(5.0, lambda: wire.target.idle)


def test_sync_is_invisible_and_at_once_while_the_owner_holds() -> None:
    wire, owner = owned()
    first = wire.sync()
    assert wire.run(5.0, first.done)
    assert owner.told == []
    wire.target.script.append(load_message(b"x.sys"))
    wire.run(1.0, lambda: bool(owner.told))
    assert wire.sync().done()
    wire.run(1.0)
    assert wire.target.continues == 1
    assert wire.target.stopped


def test_the_owner_can_stop_the_target() -> None:
    wire, owner = owned()
    wire.stop()
    assert wire.run(5.0, lambda: bool(owner.told))
    assert [kind for kind, _ in owner.told] == ["stopped"]
    wire.session.detach(owner, wire.now)
    assert wire.run(5.0, lambda: wire.target.idle)


def test_a_restart_voids_what_the_owner_held() -> None:
    wire, owner = owned(load_message(b"x.sys"))
    wire.run(1.0, lambda: bool(owner.told))
    wire.target = Target([print_message(b"new boot\n"), load_message(b"y.sys")])
    assert wire.run(5.0, lambda: len(owner.told) == 4)
    assert [kind for kind, _ in owner.told] == ["stopped", "lost", "printed", "stopped"]


def test_an_owner_that_fails_does_not_take_the_link_with_it(caplog: pytest.LogCaptureFixture) -> None:
    wire, owner = owned(print_message(b"on\n"))
    owner.printed = lambda _: 1 // 0  # type: ignore[method-assign,assignment]
    assert wire.run(5.0, lambda: wire.target.idle)
    assert wire.printed == b"boot\non\n"
    assert "ZeroDivisionError" in caplog.text


def stopped_kernel() -> tuple[Kernel, Wire, Recorder]:
    """A kernel whose code can be run, which stands in a break-in that the owner asked for."""
    kernel = Kernel()
    kernel.end = kernel.counter
    wire, owner = owned()
    wire.target.kernel = kernel
    wire.stop()
    assert wire.run(5.0, lambda: bool(owner.payloads("stopped")))
    return kernel, wire, owner


def write_breakpoint(wire: Wire, owner: Recorder, address: int) -> int:
    """The owner sets one; its handle."""
    before = len(owner.payloads("replied"))
    wire.session.run.relay(requests.write_breakpoint(address).encode(), wire.now)
    assert wire.run(5.0, lambda: len(owner.payloads("replied")) > before)
    return requests.breakpoint_handle(manipulate.decode(owner.payloads("replied")[-1]))


def test_breakpoints_of_an_owner_that_left_are_cleared_though_the_next_one_comes_first() -> None:
    kernel, wire, owner = stopped_kernel()
    write_breakpoint(wire, owner, kernel.code + 0x100)
    go(wire)
    wire.session.detach(owner, wire.now)
    second = Recorder()
    wire.session.run.attach(second, wire.now)
    assert wire.run(5.0, lambda: not kernel.breakpoints and wire.target.idle)
    assert second.told == []


@pytest.mark.parametrize("moment", ["held", "running"])
def test_breakpoints_of_an_owner_that_leaves_are_cleared(moment: str) -> None:
    kernel, wire, owner = stopped_kernel()
    write_breakpoint(wire, owner, kernel.code + 0x100)
    removed = write_breakpoint(wire, owner, kernel.code + 0x200)
    wire.session.run.relay(requests.restore_breakpoint(removed).encode(), wire.now)
    assert wire.run(5.0, lambda: len(owner.payloads("replied")) == 3)
    if moment == "running":
        go(wire)
        assert wire.run(5.0, lambda: wire.session.state is KdState.RUNNING)
    assert kernel.breakpoints == {1: kernel.code + 0x100}
    events = len(wire.events)
    wire.session.detach(owner, wire.now)
    assert wire.run(5.0, lambda: not kernel.breakpoints)
    assert wire.run(5.0, lambda: wire.session.state is KdState.RUNNING)
    assert len(wire.events) == events  # the guest and the log do not notice
    assert sum(message.api == Api.RESTORE_BREAKPOINT for message in kernel.asked) == 2


def test_a_request_that_the_target_never_answers_does_not_stop_the_next() -> None:
    kernel, wire, owner = stopped_kernel()
    kernel.silent = {Api.READ_VIRTUAL}
    wire.session.run.relay(requests.read_virtual(kernel.data, 4).encode(), wire.now)
    wire.session.run.relay(requests.get_version().encode(), wire.now)
    assert wire.run(5.0, lambda: bool(owner.payloads("replied")))
    assert manipulate.decode(owner.payloads("replied")[0]).api == Api.GET_VERSION


def test_what_an_owner_had_when_a_snapshot_was_taken_is_nobodys_after_it_is_restored() -> None:
    kernel, wire, owner = stopped_kernel()
    write_breakpoint(wire, owner, kernel.code + 0x100)
    again = Wire(wire.target)
    again.session.thaw(wire.freeze(), again.now)
    assert again.run(5.0, lambda: again.session.state is KdState.RUNNING)
    assert kernel.breakpoints == {}
