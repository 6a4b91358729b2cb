"""What is done with stops that nobody keeps, on both architectures."""

from __future__ import annotations

import struct

import pytest

from lab.kd.events import BugcheckEvent, InspectionEvent, KdEvent, NoteEvent, StopEvent, describe
from lab.kd.kd_state import KdState
from lab.kd.manipulate import Api
from lab.kd.policy import Policy, Reaction
from lab.kd.request_queue import ANSWERED_WITHIN
from lab.kd.state_change import Machine

from .kernel import BREAKPOINT, Kernel
from .target import Target, print_message
from .test_session import FATAL
from .test_target_api import bugcheck_data
from .wire import Wire

VIOLATION = 0xC0000005
NOT_HANDLED = struct.pack("<I", 0x80010001)
HANDLED = struct.pack("<I", 0x00010002)


@pytest.fixture(params=list(Machine), ids=lambda each: each.name)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    kernel = Kernel(request.param)
    kernel.counter += 0x40
    kernel.end = kernel.counter
    kernel.map(kernel.code + 0x30, bytes(range(0x20)))
    kernel.map(kernel.data + 0x40, b"stack" * 10)
    return kernel


def stopped(kernel: Kernel, *codes: int, policy: Policy | None = None, text: bytes = b"boot\n") -> Wire:
    """A target that prints and stops."""
    target = Target([print_message(text), *[(7, kernel.stop_message(code)) for code in codes]])
    target.kernel = kernel
    return Wire(target, policy=policy)


def finish(wire: Wire, seconds: float = 10.0) -> None:
    assert wire.run(seconds, lambda: wire.target.idle and wire.session.state is KdState.RUNNING)


def of(wire: Wire, kind: type[KdEvent]) -> list[KdEvent]:
    return [event for event in wire.events if isinstance(event, kind)]


def test_registers_stack_and_code_of_an_unexpected_stop_are_collected(kernel: Kernel) -> None:
    wire = stopped(kernel, VIOLATION)
    finish(wire)
    (event,) = of(wire, InspectionEvent)
    assert isinstance(event, InspectionEvent)
    assert event.inspection.registers["eflags"] == 0x202
    assert event.inspection.stack is not None
    assert event.inspection.stack.data.startswith(b"stackstack")
    assert len(event.inspection.stack.data) == 512
    assert event.inspection.code is not None
    assert (event.inspection.code.address, len(event.inspection.code.data)) == (kernel.code + 0x20, 64)
    assert event.inspection.code.data[0x10:0x30] == bytes(range(0x20))
    kind, _, text, extras = describe(event)
    assert kind == "note"
    assert f"at the stop at {kernel.counter:#x}" in text
    assert bytes.fromhex(extras["stack"]["bytes"]) == event.inspection.stack.data
    assert wire.target.restarts[0].union[:4] == NOT_HANDLED


def test_what_stops_again_and_again_is_collected_once(kernel: Kernel) -> None:
    """As with all first-chance exceptions reported (FLG_STOP_ON_EXCEPTION)."""
    wire = stopped(kernel, *[VIOLATION] * 50)
    for message in list(wire.target.script)[2::2]:
        wire.target.script[wire.target.script.index(message)] = (7, message[1] + b"!")  # a stop of its own
    finish(wire, 60.0)
    assert len(of(wire, InspectionEvent)) == 1
    assert len(of(wire, StopEvent)) > 1


def test_a_policy_can_do_without(kernel: Kernel) -> None:
    wire = stopped(kernel, VIOLATION, policy=Policy(collect=False))
    finish(wire)
    assert kernel.asked == []
    assert of(wire, InspectionEvent) == []


def test_a_target_that_does_not_answer_runs_on_all_the_same(kernel: Kernel) -> None:
    kernel.silent = set(Api) - {Api.CONTINUE}
    wire = stopped(kernel, VIOLATION)
    finish(wire, ANSWERED_WITHIN + 1.0)
    assert len(kernel.asked) == 1
    assert of(wire, InspectionEvent) == []


def test_a_target_that_refuses_everything_runs_on_all_the_same(kernel: Kernel) -> None:
    kernel.refused = set(Api) - {Api.CONTINUE}
    wire = stopped(kernel, VIOLATION, BREAKPOINT)
    finish(wire, 3.0)
    assert of(wire, InspectionEvent) == []


def test_memory_that_is_not_there_is_left_out(kernel: Kernel) -> None:
    del kernel.pages[kernel.data]
    wire = stopped(kernel, VIOLATION)
    finish(wire)
    (event,) = of(wire, InspectionEvent)
    assert isinstance(event, InspectionEvent)
    assert event.inspection.stack is None
    assert event.inspection.code is not None


def test_code_at_the_beginning_of_its_page_is_collected(kernel: Kernel) -> None:
    kernel.counter = kernel.end = kernel.code
    wire = stopped(kernel, VIOLATION)
    finish(wire)
    (event,) = of(wire, InspectionEvent)
    assert isinstance(event, InspectionEvent)
    assert event.inspection.code is not None
    assert event.inspection.code.address == kernel.code


def test_a_stop_that_is_kept_for_a_human_is_collected_too(kernel: Kernel) -> None:
    wire = stopped(kernel, VIOLATION, policy=Policy(exception=Reaction.HOLD))
    assert wire.run(5.0, lambda: bool(of(wire, InspectionEvent)))
    wire.run(2.0)
    assert wire.session.run.held
    resumed = wire.resume()
    assert wire.run(5.0, resumed.done)
    finish(wire)


def test_a_target_can_be_resumed_while_it_is_being_collected(kernel: Kernel) -> None:
    kernel.silent = {Api.GET_VERSION}
    wire = stopped(kernel, VIOLATION, policy=Policy(exception=Reaction.HOLD))
    assert wire.run(5.0, lambda: bool(kernel.asked))
    resumed = wire.resume()
    assert wire.run(5.0, resumed.done)
    assert [each.api for each in wire.target.restarts] == [Api.CONTINUE]


@pytest.mark.parametrize("policy", [Policy(), Policy(collect=False)])
def test_a_bugcheck_without_text_is_found_in_memory(kernel: Kernel, policy: Policy) -> None:
    bugcheck_data(kernel, 0xE2)
    kernel.counter = kernel.end = kernel.code
    wire = stopped(kernel, BREAKPOINT, policy=policy)
    finish(wire)
    (event,) = of(wire, BugcheckEvent)
    assert isinstance(event, BugcheckEvent)
    assert (event.code, event.parameters, event.source) == (0xE2, (1, 2, 3, 4), "memory")


def test_a_bugcheck_found_in_memory_is_held_if_the_policy_says_so(kernel: Kernel) -> None:
    bugcheck_data(kernel, 0xE2)
    kernel.counter = kernel.end = kernel.code
    wire = stopped(kernel, BREAKPOINT, policy=Policy(bugcheck=Reaction.HOLD))
    assert wire.run(5.0, lambda: wire.session.run.held)
    assert wire.session.run.event is not None
    assert wire.session.run.event.reason == "bugcheck"
    wire.resume()
    finish(wire)


@pytest.mark.parametrize(
    ("code", "says"), [(0xD1, "otherwise: bugcheck 0xd1 (0x1, 0x2, 0x3, 0x4)"), (0x50, "the same")]
)
def test_the_text_of_a_bugcheck_is_compared_with_the_memory(kernel: Kernel, code: int, says: str) -> None:
    bugcheck_data(kernel, code)
    kernel.counter = kernel.end = kernel.code
    text = b"\n*** Fatal System Error: 0x00000050\n   (0x1,0x2,0x3,0x4)\n\n"
    wire = stopped(kernel, BREAKPOINT, text=text)
    finish(wire)
    assert len(of(wire, BugcheckEvent)) == 1
    assert any(says in event.text for event in of(wire, NoteEvent) if isinstance(event, NoteEvent))


def test_a_bugcheck_without_debugger_data_is_known_by_its_text(kernel: Kernel) -> None:
    wire = stopped(kernel, BREAKPOINT, text=FATAL)
    finish(wire)
    assert [event.reason for event in of(wire, StopEvent) if isinstance(event, StopEvent)] == ["bugcheck"]


@pytest.mark.parametrize("code", [VIOLATION, BREAKPOINT])
def test_a_programs_first_chance_exceptions_are_its_own(kernel: Kernel, code: int) -> None:
    kernel.counter = 0x401000
    kernel.end = 0
    kernel.map(0x401000, b"\xcc" * 16)
    wire = stopped(kernel, code)
    finish(wire)
    assert [each.union[:4] for each in wire.target.restarts] == [NOT_HANDLED]
    assert kernel.asked == []
    (stop,) = of(wire, StopEvent)
    assert isinstance(stop, StopEvent)
    assert stop.reason == ("breakpoint" if code == BREAKPOINT else "exception")


def test_a_programs_exceptions_can_be_held(kernel: Kernel) -> None:
    kernel.counter = 0x401000
    kernel.end = 0
    wire = stopped(kernel, VIOLATION, policy=Policy(user_exception=Reaction.HOLD))
    assert wire.run(5.0, lambda: wire.session.run.held)


def test_a_breakpoint_in_kernel_code_is_stepped_over_and_handled(kernel: Kernel) -> None:
    kernel.map(kernel.counter, b"\xcc")
    kernel.end = kernel.counter + 1
    wire = stopped(kernel, BREAKPOINT)
    finish(wire)
    assert [each.union[:4] for each in wire.target.restarts] == [HANDLED]
    assert kernel.counter == kernel.end
