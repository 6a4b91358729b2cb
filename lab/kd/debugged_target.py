"""A target as a test works with it: break in the driver by symbol, look at its arguments, let it run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.errors import CrashedError, HungError, LabError, UsageError
from lab.kd.client import KdClient
from lab.kd.debugger import Debugger
from lab.kd.events import StopEvent
from lab.kd.expression import Operand
from lab.kd.shell_look import stack_lines
from lab.kd.target import Target
from lab.symbols.arguments import Arguments
from lab.symbols.unwind import Frame
from lab.symbols.value import Value

BREAK_IN_DEADLINE = 15.0


class DebuggedTarget:
    """Registers, memory, stack and structures of a target that stands still; breakpoints in one that runs.

    What needs a stopped target raises UsageError when it runs.
    """

    def __init__(self, client: KdClient, symbol_directories: list[Path]) -> None:
        self._target = Target(client)
        self._debugger = Debugger(self._target, symbol_directories)
        self.failure = ""
        """Where it stood when a test failed within `breakpoint`."""

    def close(self) -> None:
        """Clear all breakpoints and let it run."""
        self._debugger.forget()
        self._target.leave()

    # --- running and stopping ---

    @property
    def stopped(self) -> bool:
        return not self._target.running

    def break_in(self, timeout: float = BREAK_IN_DEADLINE) -> StopEvent:
        """Stop it; at once when it is stopped. Raises HungError after `timeout` seconds."""
        return self._fresh(self._target.break_in(timeout))

    def go(self) -> None:
        """Let it run on; nothing when it does."""
        if self.stopped:
            self._debugger.forget()
            self._target.go()

    def step(self) -> StopEvent:
        """One instruction. Raises HungError when it does not stop behind it."""
        return self._fresh(self._target.step())

    def wait_stop(self, timeout: float) -> StopEvent:
        """The next stop, whatever it is; the present one when it is stopped. Raises HungError."""
        return self._fresh(self._target.wait_stop(timeout))

    @contextmanager
    def breakpoint(self, where: str | int) -> Iterator[Hit]:
        """Stop whenever a thread comes to `where`, a symbol or an address; in the end clear it and let the target run.

        Raises UsageError for a symbol that does not exist.
        """
        running = not self.stopped
        self.break_in()
        try:
            address = self._debugger.address(where) if isinstance(where, str) else where
            marker = self._target.set_breakpoint(address)
        finally:
            if running:
                self.go()
        try:
            yield Hit(self, address, str(where))
        except BaseException:
            self._note_failure()
            raise
        finally:
            with suppress(LabError):
                self.break_in()
                self._target.clear_breakpoint(marker)
            self.go()

    # --- what stands there ---

    def arguments(self) -> Arguments:
        """Of the function at whose first instruction it stands: `arguments()[1]`, `arguments().Irp`."""
        self._need_stop()
        return self._debugger.arguments

    def stack(self) -> list[Frame]:
        """The call stack, innermost frame first."""
        self._need_stop()
        return self._debugger.stack()

    def functions(self) -> list[str]:
        """The stack's function names, as `module!function`, innermost first."""
        return [frame.place.name.partition("+")[0] for frame in self.stack()]

    def evaluate(self, expression: str) -> Operand:
        """A number, or a value of the driver's: `evaluate("Irp->Tail.Overlay.CurrentStackLocation->FileObject")`."""
        self._need_stop()
        return self._debugger.evaluate(expression)

    def value(self, type_name: str, address: int) -> Value:
        """What is at `address`, taken for that type: `value("MY_CONTEXT", address).Ring.Held.number`."""
        self._need_stop()
        return self._debugger.value(self._debugger.type(type_name), address)

    def address_of(self, symbol: str) -> int:
        """The address of `module!name` or `name`. Raises UsageError that says what is near."""
        self._need_stop()
        return self._debugger.symbol(symbol)

    def registers(self) -> dict[str, int]:
        """By name: rip, rsp, rax and so on."""
        self._need_stop()
        return self._debugger.registers

    def read(self, address: int, count: int) -> bytes:
        """Up to `count` bytes of memory; fewer when the rest is not there."""
        self._need_stop()
        return self._debugger.read(address, count)

    def write(self, address: int, data: bytes) -> None:
        """Write memory. Raises UsageError when it cannot be written."""
        self._need_stop()
        self._debugger.write(address, data)

    def report(self) -> str:
        """Where it stands, and its call stack, as lines."""
        stop = self._target.stop
        lines = [f"stopped: {stop.reason}, {self._debugger.where()}", *stack_lines(self._debugger.stack(32))]
        with suppress(UsageError):
            lines.insert(1, f"arguments: {self._debugger.arguments}")
        return "\n".join(lines)

    def _note_failure(self) -> None:
        """While it still stands there."""
        if self.stopped and not self.failure:
            try:
                self.failure = self.report()
            except LabError as error:
                self.failure = f"no stack: {error}"

    def is_break_in(self, stop: StopEvent) -> bool:
        """Somebody asked it to stop; it may have answered late."""
        return stop.reason == "break-in" or self._debugger.is_late_break_in(stop)

    def _fresh(self, stop: StopEvent) -> StopEvent:
        self._debugger.forget()
        return stop

    def _need_stop(self) -> None:
        assert self._target.stop  # noqa: S101


class Hit:
    """A breakpoint that is set."""

    def __init__(self, target: DebuggedTarget, address: int, name: str) -> None:
        self._target = target
        self.address = address
        self.name = name
        self.count = 0
        """How often it was waited for with success."""

    def wait(self, timeout: float) -> StopEvent:
        """Return when a thread stands at the breakpoint.

        Raises HungError after `timeout` seconds without a stop, CrashedError when the driver crashes instead,
        UsageError when the target stops somewhere else; the latter two show the stack.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                stop = self._target.wait_stop(max(deadline - time.monotonic(), 0))
            except HungError:
                raise HungError(f"nobody came to {self.name} in {timeout:g} s") from None
            if stop.program_counter == self.address:
                self.count += 1
                return stop
            if not self._target.is_break_in(stop):
                break
            self._target.go()
        crashed = stop.reason in ("exception", "bugcheck")
        what = f"{stop.reason} {stop.code:#x}" if crashed else "a stop elsewhere"
        kind = CrashedError if crashed else UsageError
        raise kind(f"{what} while waiting for {self.name}\n{self._target.report()}")
