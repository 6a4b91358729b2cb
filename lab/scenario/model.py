"""What a checked scenario consists of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from lab.config import DriverSpec, IoctlSpec, ModelSpec
from lab.debugger import Debugger
from lab.scenario.known_issue import KnownIssue
from lab.scenario.pattern import Pattern
from lab.traffic.data import Bytes, Data, Fill
from lab.traffic.schedule import Schedule
from lab.verifier import Verifier


class Isolation(Enum):
    """How a scenario is kept from the traces of the one before it."""

    RELOAD = "reload"
    """The driver is loaded anew."""
    SNAPSHOT = "snapshot"
    """The guest is put back to the ready snapshot, and the driver is loaded anew."""
    NONE = "none"
    """Whatever is loaded stays."""


@dataclass(frozen=True)
class Amount:
    """A number, or bounds for one; None = no bound."""

    low: int | None
    high: int | None

    def holds(self, value: int) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        if self.low == self.high:
            return str(self.low)
        if self.high is None:
            return f"at least {self.low}"
        if self.low is None:
            return f"at most {self.high}"
        return f"{self.low} to {self.high}"


SUCCESS = frozenset({0})


@dataclass(frozen=True)
class Expected:
    """What one operation has to give; None = anything."""

    errors: frozenset[int] | None = SUCCESS
    statuses: frozenset[int] | None = None
    """NTSTATUS."""
    moved: Amount | None = None
    data: Bytes | Fill | None = None
    output: Mapping[str, Amount] = field(default_factory=dict)
    duration: Amount | None = None
    """Microseconds from call to return."""
    state: str | None = None
    code: int | None = None


@dataclass(frozen=True)
class GuestFile:
    """A file that the lab pushes into the guest; its path there is known when the scenario runs."""

    kind: str
    """`driver` or `program`."""
    name: str
    """As in lab.yaml."""


Argument = str | GuestFile


@dataclass(frozen=True)
class Step:
    """One operation, expanded from `repeat` and from groups of actors."""

    id: str
    line: int
    actor: str
    """`-` for the conductor."""
    op: str
    args: tuple[Argument, ...]
    timeout_ms: int
    expected: Expected
    text: str
    """The operation in words, for messages."""
    handle: str = ""
    path: str = ""
    """What the handle was opened with."""
    data: Data | None = None
    """What is written or passed in."""
    asked: int | None = None
    """Bytes asked for."""
    ioctl: IoctlSpec | None = None
    request: str = ""
    """The request that is only begun here, is cancelled or finished."""
    may_be_cut: bool = False
    """Its actor is killed in the same block, perhaps before this is done."""


@dataclass(frozen=True)
class Block:
    """Steps that run side by side, in order for each actor."""

    id: str
    line: int
    timeout_ms: int
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Actor:
    """One process of a scenario."""

    name: str
    program: Argument | None = None
    """A file of lab.yaml, or the path of one that the guest has."""
    args: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    """In its environment beside those that every process has."""
    stdin: bytes | None = None
    """All of its standard input; None: what steps type."""
    user: str | None = None
    """Whom it runs as; None: as everything that the lab does."""


@dataclass(frozen=True)
class LogExpectation:
    """What the scenario's part of the kd log has to show, or what of it one step or actor caused."""

    contains: tuple[Pattern, ...] = ()
    absent: tuple[Pattern, ...] = ()
    count: tuple[tuple[Pattern, Amount], ...] = ()
    order: tuple[Pattern, ...] = ()
    pairs: tuple[tuple[Pattern, Pattern], ...] = ()
    """Texts, and what has to follow each of their occurrences."""
    step: str | None = None
    """The step as the file counts it: `3` stands for all that step 3 was expanded to."""
    actor: str | None = None
    """The actor, or the group of actors, as the file calls it."""
    actors: frozenset[str] = frozenset()
    """The single actors that it stands for."""

    @property
    def is_of_part(self) -> bool:
        """Does it need to know which step and actor a print belongs to?"""
        return self.step is not None or self.actor is not None

    def __str__(self) -> str:
        """What it is about, for messages."""
        parts = [f"step {self.step}"] if self.step is not None else []
        parts += [self.actor] if self.actor is not None else []
        return f"kd log of {', '.join(parts)}" if parts else "kd log"


@dataclass(frozen=True)
class ExpectedCrash:
    """The bugcheck that a scenario has to end in."""

    code: int
    parameters: tuple[int | None, ...] = ()
    """The first ones; None: any."""
    module: str | None = None
    """Of the innermost call of a driver, without suffix; None: any."""
    function: str | None = None
    line: int = 1

    def holds(self, code: int, parameters: Sequence[int]) -> bool:
        padded = (*parameters, 0, 0, 0, 0)
        return code == self.code and all(
            wanted in (None, got) for wanted, got in zip(self.parameters, padded, strict=False)
        )

    def __str__(self) -> str:
        known = ", ".join("any" if each is None else f"{each:#x}" for each in self.parameters)
        return f"bugcheck {self.code:#x}" + (f" ({known})" if known else "")


@dataclass(frozen=True)
class Scenario:
    """One test: a scenario file at one point of its matrix, checked, with everything it will do."""

    path: Path
    name: str
    point: Mapping[str, str | int]
    description: str
    driver: DriverSpec
    requires: frozenset[str]
    isolation: Isolation
    timeout: float
    """Seconds."""
    actors: tuple[Actor, ...]
    plan: tuple[Step | Block, ...]
    log: tuple[LogExpectation, ...]
    conserved: tuple[str, ...]
    """Device paths whose bytes all have to be accounted for."""
    device: str = ""
    """As in lab.yaml."""
    judged_by: ModelSpec | None = None
    """The reference model that has to explain the history."""
    is_contradicted: bool = False
    """It has to contradict the history instead: the scenario plants a fault."""
    verifier: Verifier = field(default_factory=Verifier)
    """What is checked in the driver from its load on."""
    debugger: Debugger = field(default_factory=Debugger)
    """What the kernel debugger does by itself meanwhile."""
    schedule: Schedule | None = None
    """Who orders the operations of parallel blocks; None: nobody."""
    crash: ExpectedCrash | None = None
    """How the guest has to end; None: it must not crash."""
    tags: tuple[str, ...] = ()
    seed: int = 0
    """What all chance in it comes from."""
    is_seed_drawn: bool = False
    """The seed is another one in every run."""
    known_issue: KnownIssue | None = None
    elsewhere: str = ""
    """Why it is not for this lab's guest; empty: it is."""
    is_announced: bool = True
    """Each step is announced to the kernel debugger, so that prints can be put down to it."""

    @property
    def id(self) -> str:
        """`shared-name[my-driver]`; without a matrix just `shared-name`."""
        point = "-".join(str(value) for value in self.point.values())
        return f"{self.name}[{point}]" if self.point else self.name

    @property
    def schedule_json(self) -> Any:
        """As scenarios say it."""
        if self.verifier.fuzz_seed is not None:
            return {"fuzzed": self.verifier.fuzz_seed}
        return self.schedule.to_json() if self.schedule else "free"

    @property
    def steps(self) -> tuple[Step, ...]:
        return flat(self.plan)


def belongs(step_id: str, name: str) -> bool:
    """Is this what the step `name` of the file was expanded to, or part of that?

    >>> belongs("3.1", "3"), belongs("3@writer", "3"), belongs("3#2.1", "3#2"), belongs("31", "3")
    (True, True, True, False)
    """
    return step_id == name or (step_id.startswith(name) and step_id[len(name)] in ".@#")


def flat(plan: tuple[Step | Block, ...]) -> tuple[Step, ...]:
    """All operations of a plan, those in blocks too."""
    steps: list[Step] = []
    for item in plan:
        steps.extend(item.steps if isinstance(item, Block) else (item,))
    return tuple(steps)
