"""What the shell's commands work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lab.errors import HungError, UsageError
from lab.kd.client import KdClient
from lab.kd.debugger import Debugger
from lab.kd.events import StopEvent
from lab.kd.shell_listener import Listener
from lab.kd.state_change import STATUS_SINGLE_STEP
from lab.kd.target import Target
from lab.symbols.show import summary

POLL = 0.5
"""Seconds between two looks at a target that runs: how fast a lost link is noticed."""


class CommandError(UsageError):
    """A command that makes no sense as it is written."""


@dataclass
class Command:
    """One command of the shell."""

    names: tuple[str, ...]
    usage: str
    help: str
    run: Callable[[ShellState, str], None]
    stopped: bool = True
    """It needs a target that stands still."""


@dataclass
class ShellState:
    """A target at hand: the commands' common ground."""

    client: KdClient
    target: Target
    debugger: Debugger
    listener: Listener
    say: Callable[[str], None]
    patience: float | None = None
    """Seconds that `g` waits for a stop; None: until Ctrl-C."""
    finished: bool = False
    breakpoints: dict[int, str] = field(default_factory=dict)
    """What was typed for each breakpoint's address."""

    @property
    def is_stopped(self) -> bool:
        return not self.target.running

    def wait_stop(self) -> StopEvent:
        """The next stop. Raises HungError after `patience`, GuestLostError, KeyboardInterrupt."""
        waited = 0.0
        while True:
            try:
                return self.target.wait_stop(POLL)
            except HungError:
                waited += POLL
                if self.patience is not None and waited >= self.patience:
                    raise HungError(f"the target did not stop in {self.patience:g} s") from None

    def report(self, stop: StopEvent, *, asked: bool = False) -> None:
        """Say why and where the target stopped; `asked`: to break in."""
        if stop.code == STATUS_SINGLE_STEP:
            self.debugger.stepped()
        else:
            self.debugger.forget()
        place = self.debugger.where()
        asked = asked or self.debugger.is_late_break_in(stop)
        self.say(f"{_reason(stop, self.breakpoints, asked)}: {place}")
        names = self._arguments()
        if names:
            self.say(f"  {names}")
        for line in instructions(self.debugger, self.debugger.program_counter, 1):
            self.say(line)

    def _arguments(self) -> str:
        try:
            arguments = self.debugger.arguments
        except UsageError:
            return ""
        pairs = zip(arguments.names, arguments, strict=True)
        return ", ".join(f"{name or i} = {summary(value, 0)}" for i, (name, value) in enumerate(pairs))


def _reason(stop: StopEvent, breakpoints: dict[int, str], asked: bool) -> str:
    if stop.reason == "breakpoint":
        numbers = [i for i, address in enumerate(breakpoints) if address == stop.program_counter]
        if numbers:
            return f"breakpoint {numbers[0]}"
        if stop.code == STATUS_SINGLE_STEP:
            return "single step"
        return "break-in" if asked else "breakpoint in the code"
    if stop.reason == "exception":
        return f"exception {stop.code:#x} ({'first' if stop.first_chance else 'second'} chance)"
    return stop.reason


def instructions(debugger: Debugger, address: int, count: int) -> list[str]:
    """`count` instructions in words, the names of where calls lead included."""
    from lab.kd.disassembly import MAX_INSTRUCTION, disassemble

    code = debugger.read(address, count * MAX_INSTRUCTION)
    lines = []
    for each in disassemble(code, address, wide=debugger.wide):
        where = f"  {debugger.symbols.describe(each.target).name}" if each.target is not None else ""
        lines.append(f"{each.address:016x} {each.code.hex():<20} {each.text}{where}")
        if len(lines) == count:
            break
    return lines
