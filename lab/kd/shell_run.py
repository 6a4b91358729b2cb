"""Commands that stop the target and let it run."""

from __future__ import annotations

from lab.errors import HungError
from lab.kd.disassembly import MAX_INSTRUCTION, disassemble
from lab.kd.shell_state import Command, CommandError, ShellState

BREAK_IN_DEADLINE = 15.0


def break_in(state: ShellState, _: str) -> None:
    """Stop the target; say where it stands if it did already."""
    state.report(state.target.break_in(BREAK_IN_DEADLINE), asked=True)


def go(state: ShellState, _: str) -> None:
    """Let it run until it stops; Ctrl-C stops it."""
    try:
        start(state)
        await_stop(state)
    except KeyboardInterrupt:
        state.say("(break-in)")
        break_in(state, "")


def start(state: ShellState) -> None:
    """Let it run."""
    if state.is_stopped:
        state.debugger.forget()
        state.target.go()


def await_stop(state: ShellState) -> None:
    """Return at the next stop, which may have come already. Raises HungError after the state's patience."""
    state.report(state.wait_stop())


def step(state: ShellState, _: str) -> None:
    """One instruction."""
    state.report(state.target.step())


def step_over(state: ShellState, _: str) -> None:
    """One instruction; a call is run to its end."""
    here = state.debugger.program_counter
    code = state.debugger.read(here, MAX_INSTRUCTION)
    following = next(disassemble(code, here, wide=state.debugger.wide), None)
    if following is None or not following.is_call:
        step(state, "")
        return
    _run_to(state, here + len(following.code))


def step_out(state: ShellState, _: str) -> None:
    """Run to the caller of the function."""
    frames = state.debugger.stack(2)
    if len(frames) < 2:
        raise CommandError("the caller is not known")
    _run_to(state, frames[1].address)


def _run_to(state: ShellState, address: int) -> None:
    """A breakpoint for this run alone."""
    passing = not any(each.address == address for each in state.target.breakpoints)
    marker = state.target.set_breakpoint(address)
    try:
        go(state, "")
    finally:
        if passing and state.is_stopped:
            state.target.clear_breakpoint(marker)


def set_breakpoint(state: ShellState, text: str) -> None:
    if not text:
        raise CommandError("where?", "bp SYMBOL or bp ADDRESS, such as: bp My_Write")
    address = state.debugger.address(text)
    state.target.set_breakpoint(address)
    state.breakpoints[address] = text
    number = list(state.breakpoints).index(address)
    state.say(f"breakpoint {number}: {state.debugger.where(address)}")


def list_breakpoints(state: ShellState, _: str) -> None:
    for number, (address, text) in enumerate(state.breakpoints.items()):
        state.say(f"{number:>2}  {address:016x}  {text}")
    if not state.breakpoints:
        state.say("no breakpoints")


def clear_breakpoint(state: ShellState, text: str) -> None:
    addresses = list(state.breakpoints)
    if text.strip() != "*":
        if not text.isdigit() or int(text) >= len(addresses):
            raise CommandError(f"no breakpoint {text!r}", "bl lists them; bc * clears all")
        addresses = [addresses[int(text)]]
    for address in addresses:
        for each in list(state.target.breakpoints):
            if each.address == address:
                state.target.clear_breakpoint(each)
        del state.breakpoints[address]


def processor(state: ShellState, text: str) -> None:
    number = text.removeprefix("s").strip()
    if not number.isdigit():
        raise CommandError("which processor?", "~0s or ~1s")
    state.report(state.target.switch_processor(int(number)))


def prints(state: ShellState, text: str) -> None:
    if text not in ("on", "off", ""):
        raise CommandError(f"on or off, not {text!r}")
    state.listener.prints = text != "off" if text else state.listener.prints
    state.say(f"prints are {'shown' if state.listener.prints else 'not shown'}")


def reboot(state: ShellState, _: str) -> None:
    state.target.reboot()
    state.debugger.forget()
    state.breakpoints.clear()


def crash(state: ShellState, _: str) -> None:
    state.target.crash()
    state.debugger.forget()
    try:
        state.report(state.target.wait_stop(BREAK_IN_DEADLINE))
    except HungError:
        state.say("the target crashes; it has not stopped again")


def leave(state: ShellState, _: str) -> None:
    state.finished = True


RUNNING = [
    Command(("break",), "break", "stop the target (so does Ctrl-C)", break_in, stopped=False),
    Command(("g",), "g", "let it run until it stops; Ctrl-C stops it", go, stopped=False),
    Command(("t",), "t", "one instruction, into calls", step),
    Command(("p",), "p", "one instruction, over calls", step_over),
    Command(("gu",), "gu", "run to the function's caller", step_out),
    Command(("bp",), "bp SYMBOL|ADDRESS", "stop there", set_breakpoint),
    Command(("bl",), "bl", "breakpoints", list_breakpoints, stopped=False),
    Command(("bc",), "bc NUMBER|*", "clear breakpoints", clear_breakpoint),
    Command(("~",), "~0s", "go to another processor", processor),
    Command(("print",), "print on|off", "show what the target prints", prints, stopped=False),
    Command((".reboot",), ".reboot", "reset the machine", reboot),
    Command((".crash",), ".crash", "make the kernel bugcheck (MANUALLY_INITIATED_CRASH)", crash),
    Command(("q", "quit", "exit"), "q", "leave; the target runs on", leave, stopped=False),
]
