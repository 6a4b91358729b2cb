"""A target as one works with it: registers, memory, breakpoints, steps. Symbols are resolved above this."""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

from lab.errors import InfrastructureError, LabError, UsageError
from lab.kd import requests
from lab.kd.answer import continue_status, stands_on_int3
from lab.kd.breakpoints import Breakpoint, Breakpoints
from lab.kd.client import KdClient
from lab.kd.context import Context, decode_context
from lab.kd.debugger_data import read_bugcheck
from lab.kd.events import BugcheckEvent, StopEvent
from lab.kd.knowledge import Knowledge
from lab.kd.manipulate import Manipulate
from lab.kd.memory import Memory, PageState
from lab.kd.modules import Module, read_modules
from lab.kd.policy import Policy, Reaction
from lab.kd.state_change import STATUS_SINGLE_STEP, Machine, StateChange, control_report
from lab.kd.steps import Steps
from lab.kd.subscription import Subscription
from lab.kd.version import Version

INTERACTIVE = Policy(
    breakpoint=Reaction.HOLD, exception=Reaction.HOLD, bugcheck=Reaction.HOLD, bugcheck_stops=1000, collect=False
)
"""Every stop is the user's, except first-chance exceptions of programs."""
ANSWER_DEADLINE = 5.0
"""Seconds of the machine's time for each request."""
_T = TypeVar("_T")


class Target:
    """What the one on the other end of `client` is. For one thread.

    It takes the client's policy over, until `leave`: every stop is held. Breakpoints that others left behind are
    cleared at the first stop. What needs a stopped target raises UsageError when it runs; all raise HungError when it
    does not answer in ANSWER_DEADLINE, and GuestLostError.
    """

    def __init__(self, client: KdClient, policy: Policy = INTERACTIVE) -> None:
        self._client = client
        self._former = client.policy
        client.set_policy(policy)
        self._memory = Memory(self._ask)
        self._breakpoints = Breakpoints(self._ask)
        self._knowledge = Knowledge()
        self._boot: int | None = None
        self._change: StateChange | None = None
        """The newest stop that was taken note of."""
        self._counter = 0

    def __enter__(self) -> Target:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Clear all breakpoints, let it run, give the client its policy back. Nothing when the link is gone."""
        try:
            if self._breakpoints:
                self.break_in()
            for each in self._breakpoints:
                self.clear_breakpoint(each)
            self._client.set_policy(self._former)
            self._client.resume()
        except LabError:
            return

    # --- running and stopping ---

    @property
    def running(self) -> bool:
        """Is it not held?"""
        return not self._client.held

    @property
    def stop(self) -> StopEvent:
        """The stop on which it is held. Raises UsageError when it runs."""
        event = self._client.stop_event
        if event is None or not self._client.held:
            raise UsageError("the target is running", "break in first, or wait for a stop")
        return self._arrive(event)

    def break_in(self, timeout: float = 10.0) -> StopEvent:
        """Stop it; at once when it is stopped. Raises HungError."""
        return self._arrive(self._client.break_in(timeout))

    def wait_stop(self, timeout: float) -> StopEvent:
        """The next stop; the present one when it is stopped. Raises HungError after `timeout` seconds without one."""
        with self._client.subscribe() as events:
            if not self._client.held:
                return self._arrive(self._await_hold(events, timeout))
        return self.stop

    def go(self) -> None:
        """Let it run. A breakpoint at the program counter is stepped over; those that it has dropped are set again.

        If another stop comes while it steps over, that one is there at once: `wait_stop` tells.
        """
        if self.stop and self._counter in self._breakpoints:
            stepped = self.step()
            if stepped.code != STATUS_SINGLE_STEP or self._counter in self._breakpoints:
                return
        self._breakpoints.arm()
        self._client.resume()

    def step(self, timeout: float = 10.0) -> StopEvent:
        """Execute one instruction; the stop behind it, or another that came before. A breakpoint there does not count.

        Raises HungError: then it runs, and the stop may still come.
        """
        change = self.stop.change
        if stands_on_int3(change, self._knowledge) and self._counter == change.program_counter:
            self._skip_int3()
        self._breakpoints.lift(self._counter)
        self._breakpoints.arm(but=self._counter)
        dr7 = control_report(change, self.machine).dr7
        message = requests.single_step(self.machine, dr7, continue_status(change), change.processor)
        with self._client.subscribe() as events:
            self._client.resume(message=message)
            event = self._await_hold(events, timeout)
        return self._arrive(event)

    def switch_processor(self, number: int) -> StopEvent:
        """Look at the stop from another processor. Raises UsageError when there is no such processor."""
        count = self.stop.change.processors
        if not 0 <= number < max(count, 1):
            raise UsageError(f"the target has no processor {number}", f"it has {count}, counted from 0")
        self._must(requests.switch_processor(number), f"switch to processor {number}")
        return self.stop

    def reboot(self) -> None:
        """Restart the machine; all breakpoints are gone. Returns when the target has taken it."""
        self._need_stop()
        self._client.resume(message=requests.reboot())

    def crash(self) -> None:
        """Make the kernel die of a bugcheck, usually 0xE2; its stop comes. Returns when the target has taken it."""
        self._need_stop()
        self._client.resume(message=requests.cause_bugcheck())

    def _skip_int3(self) -> None:
        """A breakpoint that is part of the code: the target leaves it to us to go behind it."""
        context = self.registers()
        if context.stands_at(self._counter):
            self._take(context.with_program_counter(context.program_counter + 1))

    # --- registers ---

    def registers(self, processor: int | None = None) -> Context:
        """The registers of a processor, of the stopped one if not said. Raises InfrastructureError when it refuses."""
        number = self.stop.processor if processor is None else processor
        reply = self._must(requests.get_context(number), f"tell the registers of processor {number}")
        context = decode_context(reply.data, self._knowledge.told)
        if context is None:
            raise InfrastructureError(f"the target's registers have {len(reply.data)} bytes, which is no known layout")
        return context

    def set_registers(self, **values: int) -> Context:
        """Change registers of the stopped processor, by name. Returns all. Raises UsageError for an unknown name."""
        context = self.registers().with_registers(values)
        self._take(context)
        return context

    def _take(self, context: Context) -> None:
        """A target takes a context only after it was read in the same stop."""
        self._must(requests.set_context(self.stop.processor, context), "take the registers")
        self._counter = context.program_counter

    def control_space(self, selector: int, count: int, processor: int | None = None) -> bytes:
        """Up to `count` bytes of the processor's control space; on AMD64: 0 KPCR, 1 KPRCB, 2 special registers,
        3 current thread. Raises InfrastructureError when it refuses."""
        number = self.stop.processor if processor is None else processor
        message = requests.read_control_space(number, selector, count)
        return self._must(message, f"read control space {selector}").moved_data(count)

    def read_msr(self, number: int) -> int:
        """A model-specific register. Raises InfrastructureError when it refuses."""
        reply = self._must(requests.read_msr(number, self.stop.processor), f"read MSR {number:#x}")
        return int.from_bytes(reply.union[4:12], "little")

    # --- memory ---

    def read(self, address: int, count: int) -> bytes:
        """Up to `count` bytes of virtual memory; fewer when the rest is not there."""
        return self._memory.read(address, count)

    def read_exactly(self, address: int, count: int) -> bytes:
        """`count` bytes of virtual memory. Raises UsageError when some cannot be read."""
        return self._memory.read_exactly(address, count)

    def write(self, address: int, data: bytes) -> None:
        """Write virtual memory. Raises UsageError when some of it cannot be written."""
        self._memory.write(address, data)

    def read_physical(self, address: int, count: int) -> bytes:
        """Up to `count` bytes of physical memory; fewer when the rest is not there."""
        return self._memory.read_physical(address, count)

    def write_physical(self, address: int, data: bytes) -> None:
        """Write physical memory. Raises UsageError when some of it cannot be written."""
        self._memory.write_physical(address, data)

    def fill(self, address: int, length: int, pattern: bytes) -> None:
        """Repeat `pattern` over `length` bytes of virtual memory. Raises UsageError."""
        self._memory.fill(address, length, pattern)

    def search(self, address: int, length: int, pattern: bytes) -> int | None:
        """Address of the first `pattern` in `length` bytes of virtual memory; None when it is not found."""
        return self._memory.search(address, length, pattern)

    def query(self, address: int) -> PageState | None:
        """What the target says of the page at `address`; None when it does not."""
        return self._memory.query(address)

    # --- the kernel ---

    @property
    def machine(self) -> Machine:
        """Its architecture."""
        return self._knowledge.machine

    def version(self) -> Version:
        """What it says of itself. Raises InfrastructureError when it refuses."""
        self._need_stop()
        version = self._perform(self._knowledge.ask_version())
        if version is None:
            raise InfrastructureError("the target does not tell its version")
        return version

    def modules(self) -> list[Module]:
        """The images that are loaded in the kernel, as far as its list can be read; none before the kernel runs."""
        return read_modules(self.read, self.machine, self.version().module_list)

    def bugcheck(self) -> BugcheckEvent | None:
        """The bugcheck of which the kernel is dying, from KiBugcheckData; None when it is not, or does not tell."""
        self.version()
        data = self._perform(self._knowledge.ask_debugger_data())
        found = self._perform(read_bugcheck(data, self.machine))
        if found is None:
            return None
        return BugcheckEvent(
            processor=self.stop.processor, code=found.code, parameters=found.parameters, driver=None, source="memory"
        )

    # --- breakpoints ---

    @property
    def breakpoints(self) -> list[Breakpoint]:
        """Those that are set here, whether or not the target has them at this moment."""
        return list(self._breakpoints)

    def set_breakpoint(self, address: int) -> Breakpoint:
        """Stop before the instruction at `address`, every time. Raises UsageError when it cannot be set there.

        It is gone after a reboot, and after a snapshot was restored.
        """
        self._need_stop()
        return self._breakpoints.set(self._memory.whole(address), self._counter)

    def clear_breakpoint(self, where: Breakpoint | int) -> None:
        """Stop there no more; nothing if there is none."""
        self._need_stop()
        self._breakpoints.clear(where.address if isinstance(where, Breakpoint) else self._memory.whole(where))

    # --- dealing with the client ---

    def _arrive(self, event: StopEvent) -> StopEvent:
        """Take note of a stop, once."""
        if event.change is self._change:
            return event
        self._change = event.change
        if self._boot != self._client.boots:
            self._boot = self._client.boots
            self._knowledge = Knowledge()
            self._breakpoints.begin_anew()
        self._knowledge.saw(event.change)
        self._perform(self._knowledge.ask_version())
        self._memory.machine = self._knowledge.machine
        self._counter = event.program_counter
        self._breakpoints.stopped_at(self._counter)
        return event

    def _need_stop(self) -> None:
        assert self.stop  # noqa: S101

    def _await_hold(self, events: Subscription, timeout: float) -> StopEvent:
        event = events.wait_for(lambda each: isinstance(each, StopEvent) and each.reaction == "hold", timeout)
        assert isinstance(event, StopEvent)  # noqa: S101
        return event

    def _ask(self, message: Manipulate) -> Manipulate:
        return self._client.request(message, ANSWER_DEADLINE)

    def _must(self, message: Manipulate, what: str) -> Manipulate:
        reply = self._ask(message)
        if reply.failed:
            raise InfrastructureError(f"the target refuses to {what}: status {reply.status:#010x}")
        return reply

    def _perform(self, steps: Steps[_T]) -> _T:
        """Go through a dialogue."""
        try:
            message = next(steps)
            while True:
                message = steps.send(self._ask(message))
        except StopIteration as last:
            result: _T = last.value
            return result
