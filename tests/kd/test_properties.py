"""The session as a state machine: whatever comes in whatever order, the rules of the protocol hold."""

from __future__ import annotations

import struct

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from lab.kd.events import FileRequestEvent, ModuleEvent, PromptEvent
from lab.kd.kd_state import KdState
from lab.kd.link import LinkState
from lab.kd.manipulate import Api, Manipulate
from lab.kd.packets import INITIAL_ID, SYNC_BIT, PacketType
from lab.kd.policy import Policy, Reaction

from .checked import CheckedSession
from .target import (
    KERNEL_BASE,
    Target,
    breakpoint_message,
    exception_message,
    load_message,
    print_message,
    prompt_message,
)
from .wire import Faults, Wire

IDS = st.sampled_from([INITIAL_ID, INITIAL_ID | 1, INITIAL_ID | SYNC_BIT, INITIAL_ID | SYNC_BIT | 1])
ANY_ID = st.one_of(IDS, st.integers(0, 2**32 - 1))
CONTROL = st.sampled_from([PacketType.ACKNOWLEDGE, PacketType.RESEND, PacketType.RESET])
DATA = st.sampled_from([2, 3, 7, 9, 10, 11])
NUMBERS = st.integers(0, 2**64 - 1)
OPENING = PacketType.FILE_IO, struct.pack("<I60x", 0x3430) + "\\x.sys\0".encode("utf-16-le")
MESSAGES = st.one_of(
    st.builds(print_message, st.binary(max_size=80), st.integers(0, 0xFFFF)),
    st.builds(prompt_message, st.binary(max_size=20)),
    st.builds(load_message, st.binary(max_size=20), NUMBERS, st.booleans()),
    st.builds(exception_message, st.integers(0, 2**32 - 1), NUMBERS, st.binary(max_size=16), st.integers(0, 2)),
    st.builds(breakpoint_message, NUMBERS),
    st.just(OPENING),
    st.builds(lambda api: (2, Manipulate(api, status=0).encode()), st.sampled_from(Api)),
)
POLICIES = st.builds(
    Policy,
    breakpoint=st.sampled_from(Reaction),
    exception=st.sampled_from(Reaction),
    bugcheck=st.sampled_from(Reaction),
)
REQUESTS = [Manipulate(Api.GET_VERSION), Manipulate(Api.GET_CONTEXT), Manipulate(Api.READ_VIRTUAL, bytes(8) + b"\x09")]
TIMES = st.sampled_from([0.0, 0.05, 0.2, 0.4, 1.1, 2.5, 4.0])


class AnythingComes(RuleBasedStateMachine):
    """A target that says what it likes, and callers who want what they like."""

    snapshots = Bundle("snapshots")

    @initialize(policy=POLICIES)
    def begin(self, policy: Policy) -> None:
        self.checked = CheckedSession(policy)

    @rule(data=st.one_of(st.binary(max_size=200), st.just(b"0000\x03\0\xa0\x0f"), st.just(b"iiii")))
    def noise(self, data: bytes) -> None:
        self.checked.noise(data)

    @rule(message=MESSAGES, packet_id=ANY_ID)
    def message(self, message: tuple[int, bytes], packet_id: int) -> None:
        self.checked.packet(*(message[0], packet_id, message[1]))

    @rule(kind=DATA, packet_id=IDS, payload=st.binary(max_size=300))
    def nonsense(self, kind: int, packet_id: int, payload: bytes) -> None:
        self.checked.packet(kind, packet_id, payload)

    @rule(kind=CONTROL, packet_id=ANY_ID)
    def control(self, kind: int, packet_id: int) -> None:
        self.checked.control(kind, packet_id)

    @rule()
    def acknowledge(self) -> None:
        self.checked.acknowledge()

    @rule(seconds=TIMES)
    def wait(self, seconds: float) -> None:
        self.checked.wait(seconds)

    @rule()
    def silence(self) -> None:
        self.checked.settle()

    @rule(hold=st.booleans())
    def break_in(self, hold: bool) -> None:
        self.checked.break_in(hold=hold)

    @rule()
    def resume(self) -> None:
        self.checked.resume()

    @rule(api=st.sampled_from(REQUESTS))
    def request(self, api: Manipulate) -> None:
        self.checked.request(api)

    @rule()
    def forget_request(self) -> None:
        self.checked.forget_request()

    @rule(target=snapshots)
    def snapshot(self) -> LinkState:
        return self.checked.snapshot()

    @rule(state=consumes(snapshots))
    def restore(self, state: LinkState) -> None:
        self.checked.restore(state)

    def teardown(self) -> None:
        if hasattr(self, "checked"):
            self.checked.settle()
            self.checked.fail()


def test_what_was_held_behind_damage_is_answered_before_what_came_after() -> None:
    checked = CheckedSession(Policy(breakpoint=Reaction.CONTINUE))
    kind, payload = prompt_message(b"")
    file_io, opening = OPENING
    checked.packet(kind, INITIAL_ID | SYNC_BIT, payload)
    checked.noise(b"0000\x03\0\xa0\x0f")
    checked.control(PacketType.RESEND, INITIAL_ID | SYNC_BIT)
    checked.packet(file_io, INITIAL_ID | SYNC_BIT, opening)
    checked.settle()
    assert isinstance(checked.last_event, FileRequestEvent)


class TargetObeys(RuleBasedStateMachine):
    """A target that keeps the protocol, however its bytes are cut: everything arrives, every stop goes on once."""

    @initialize(piece=st.sampled_from([1, 7, 1 << 16]))
    def begin(self, piece: int) -> None:
        faults = Faults(piece=piece)
        self.wire = Wire(Target(), to_host=faults, to_target=faults)
        self.text = b""
        self.modules: list[bytes] = []
        self.prompts = 0
        self.number = 0

    def _next(self) -> int:
        self.number += 1
        return self.number

    @rule(text=st.binary(max_size=40))
    def prints(self, text: bytes) -> None:
        self.text += text
        self.wire.target.script.append(print_message(text))

    @rule(unload=st.booleans())
    def loads(self, unload: bool) -> None:
        self.modules.append(b"m%d.sys" % self._next())
        self.wire.target.script.append(load_message(self.modules[-1], KERNEL_BASE + self.number, unload))

    @rule()
    def stops_at_a_breakpoint(self) -> None:
        self.wire.target.script.append(breakpoint_message(KERNEL_BASE + 16 * self._next()))

    @rule(chance=st.sampled_from([0, 1]))
    def fails(self, chance: int) -> None:
        self.wire.target.script.append(exception_message(0xC0000005, KERNEL_BASE + 16 * self._next(), chance=chance))

    @rule()
    def asks(self) -> None:
        self.prompts += 1
        self.wire.target.script.append(prompt_message(b"%d? " % self._next()))

    @rule(seconds=st.sampled_from([0.005, 0.05, 0.5, 5.0]))
    def time_passes(self, seconds: float) -> None:
        self.wire.run(seconds)

    @precondition(lambda self: self.wire.session.state is not KdState.UNKNOWN)
    @rule()
    def somebody_wants_a_stop(self) -> None:
        future = self.wire.stop()
        assert self.wire.run(60.0, future.done), "no answer to a break-in"
        assert self.wire.session.run.held

    @rule()
    def it_may_go_on(self) -> None:
        future = self.wire.resume()
        assert self.wire.run(60.0, future.done), "not continued"

    @invariant()
    def nothing_came_twice_or_out_of_order(self) -> None:
        if hasattr(self, "wire"):
            assert self.text.startswith(self.wire.printed)

    def teardown(self) -> None:
        if not hasattr(self, "wire"):
            return
        self.it_may_go_on()
        wire = self.wire
        assert wire.run(30.0, lambda: wire.target.idle and wire.session.state is not KdState.STOPPED), "it hangs"
        assert wire.printed == self.text
        assert [event.name.encode() for event in wire.events if isinstance(event, ModuleEvent)] == self.modules
        assert sum(isinstance(event, PromptEvent) for event in wire.events) == self.prompts
        assert len(wire.target.answers) == self.prompts
        assert wire.target.continues == wire.target.stops
        assert not wire.target.dropped


def _thorough(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


TestAnythingComes = AnythingComes.TestCase
TestAnythingComes.settings = _thorough(100, 40)
TestTargetObeys = TargetObeys.TestCase
TestTargetObeys.settings = _thorough(30, 25)
