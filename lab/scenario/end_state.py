"""What a scenario wants to be true in the end: every process has ended, the device is asked, the driver unloaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count, groupby
from operator import attrgetter
from typing import Any

from lab.config import Config, DriverSpec, IoctlSpec
from lab.document import Location
from lab.scenario.cast import Cast
from lab.scenario.expected import expected_output
from lab.scenario.ioctl import named_ioctl
from lab.scenario.log_text import log_expectation
from lab.scenario.model import Actor, Amount, Block, Expected, LogExpectation, Step, belongs
from lab.scenario.operations import HANDLE, STEP_TIMEOUT_MS
from lab.scenario.values import Report
from lab.traffic.data import Bytes
from lab.traffic.script import CONDUCTOR as NOBODY

ENDING = "end"
"""Steps that end the processes: `end@writer`."""
ASKING = "state"
"""Steps that ask the device: `state.1`; what the driver prints for them is nobody's."""
UNLOADING = "unload"
ASKER = "(end)"
"""The process that asks; no actor can be called so."""

_NOT_LOADED = frozenset({0, 1060, 1062})
"""What `stop` says of a service that is gone or does not run: it is unloaded already."""


@dataclass(frozen=True)
class Question:
    """An IOCTL, and what a new handle has to get from it."""

    name: str
    """Below the device."""
    ioctl: IoctlSpec
    output: Mapping[str, Amount]
    line: int


@dataclass(frozen=True)
class EndState:
    """The `expect: {end: ...}` of a scenario, or the `clean:` of lab.yaml."""

    asked: tuple[Question, ...] = ()
    unload: bool = False
    log: tuple[LogExpectation, ...] = ()
    line: int = 1

    def __bool__(self) -> bool:
        return bool(self.asked) or self.unload

    def and_also(self, other: EndState) -> EndState:
        return replace(
            self, asked=self.asked + other.asked, unload=self.unload or other.unload, log=self.log + other.log
        )


def end_state(value: Any, config: Config, report: Report) -> EndState:
    """The meaning of a scenario's `end:`."""
    where: Location = ("expect", "end")
    if value is None:
        return EndState()
    fields = {"clean": True} if value == "clean" else value
    own = _read(fields, where, config, report)
    if "clean" not in fields:
        return own
    if config.clean is None:
        report.add(where, "needs to know what is clean", "`clean: {unload: true}` in lab.yaml, or `state:` here")
        return own
    theirs = Report(config.clean)
    own = own.and_also(_read(config.clean.data["clean"], ("clean",), config, theirs))
    report.problems |= theirs.problems
    return own


def _read(fields: Mapping[str, Any], where: Location, config: Config, report: Report) -> EndState:
    asked = []
    for name, ioctls in fields.get("state", {}).items():
        for ioctl, wanted in ioctls.items():
            here = (*where, "state", name, ioctl)
            spec = named_ioctl(ioctl, here, config, report, "describe it there, under `ioctls:`")
            if spec is not None and spec.input:
                report.add(here, "wants input, and there is none to give", "an IOCTL without `input:`")
            elif spec is not None:
                output = expected_output(wanted, here, report, spec)
                asked.append(Question(name, spec, output, report.line(here)))
    log = log_expectation(fields["log"], (*where, "log"), report) if "log" in fields else None
    return EndState(tuple(asked), fields.get("unload", False), (log,) if log else (), report.line(where))


def asker(plan: tuple[Step | Block, ...]) -> tuple[Actor, ...]:
    """The process that asks, if any is asked."""
    return (Actor(ASKER),) if any(belongs(item.id, ASKING) for item in plan) else ()


def end_steps(wanted: EndState, config: Config, driver: DriverSpec, cast: Cast) -> Iterator[Step]:
    """The steps behind those of the file."""
    if not wanted:
        return
    for actor in cast.running():
        yield _end(actor, wanted.line, is_program=cast.is_program(actor))
    yield from _ask(wanted, config)
    if wanted.unload:
        step = _step(UNLOADING, wanted.line, NOBODY, "service", ("stop", driver.service), f"unload {driver.name}")
        yield replace(step, expected=Expected(_NOT_LOADED))


def _end(actor: str, line: int, *, is_program: bool) -> Step:
    """A process of the lab's own ends by itself; whether a program would, nobody knows."""
    step = _step(f"{ENDING}@{actor}", line, actor, "wait", (), f"the end of {actor}")
    if is_program:
        step = replace(step, actor=NOBODY, op="kill", args=(actor,))
    return replace(step, expected=Expected(errors=None), may_be_cut=True)


def _ask(wanted: EndState, config: Config) -> Iterator[Step]:
    numbers = count(1)

    def ask(line: int, words: str, op: str, *args: str, **more: Any) -> Step:
        step = _step(f"{ASKING}.{next(numbers)}", line, ASKER, op, (HANDLE, *args), f"in the end: {words} {path}")
        return replace(step, handle=HANDLE, path=path, **more)

    for name, group in groupby(wanted.asked, key=attrgetter("name")):
        questions = list(group)
        path = f"{config.device}\\{name}" if name else config.device
        yield ask(questions[0].line, "open", "open", path, "rw")
        for each in questions:
            code, size = f"{each.ioctl.code:#08x}", each.ioctl.output_size
            step = ask(each.line, f"{each.ioctl.name} of", "ioctl", code, Bytes(b"").token, str(size))
            yield replace(step, expected=Expected(output=each.output), data=Bytes(b""), asked=size, ioctl=each.ioctl)
        yield ask(questions[-1].line, "close", "close")


def _step(step_id: str, line: int, actor: str, op: str, args: tuple[str, ...], words: str) -> Step:
    return Step(step_id, line, actor, op, args, STEP_TIMEOUT_MS, Expected(), words)
