"""Everything that came back from one run of a scenario in the guest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TextIO

from lab.document import printable
from lab.scenario.model import Block, Scenario, Step
from lab.traffic.events import Done, Event, EventError, Exit, Fault, Hello, Op, Out, Timeout, Turned, parse_event
from lab.traffic.order import OrderSeen

MAX_EVENTS = 500_000
MAX_CHARACTERS = 512 << 20


@dataclass
class Observed:
    """Events of the traffic program, sorted by what they tell."""

    ops: dict[str, Op] = field(default_factory=dict)
    exits: list[Exit] = field(default_factory=list)
    output: dict[str, bytes] = field(default_factory=dict)
    """What each program printed, the end of it where it is long."""
    timeout: Timeout | None = None
    faults: list[Fault] = field(default_factory=list)
    order: OrderSeen = field(default_factory=OrderSeen)
    """Of the parallel blocks, where there is a schedule."""
    done: Done | None = None

    def pending(self, scenario: Scenario) -> list[str]:
        """What had not returned: as the traffic program says, else the next of each actor in the plan."""
        if self.timeout and self.timeout.pending:
            steps = {step.id: step for step in scenario.steps}
            return [
                f"{_place(item.id)}{_words(steps.get(item.id), item.actor, item.op)} (for {item.for_ms} ms)"
                for item in self.timeout.pending
            ]
        return [f"step {step.id}, {step.text}" for step in _unanswered(scenario, self.ops)]


def _place(step: str) -> str:
    return f"step {printable(step)}, " if step else ""


def _words(step: Step | None, actor: str, op: str) -> str:
    return step.text if step else f"{printable(actor)}: {printable(op)}"


def _unanswered(scenario: Scenario, ops: dict[str, Op]) -> list[Step]:
    """The steps that the guest must have been at: the first without an answer, in a block one for each actor."""
    for item in scenario.plan:
        if not isinstance(item, Block):
            if item.id not in ops:
                return [item]
            continue
        first: dict[str, Step] = {}
        for step in item.steps:
            if step.id not in ops:
                first.setdefault(step.actor, step)
        if first:
            return list(first.values())
    return []


class Recorder:
    """Takes the traffic program's output line by line, keeps it on disk, and refuses what cannot be."""

    KEPT_OUTPUT = 64 << 10

    def __init__(self, events: TextIO) -> None:
        self.observed = Observed()
        self._events = events
        self._count = 0
        self._characters = 0

    def line(self, line: str) -> None:
        """Raises EventError, and InfrastructureError for another version's events."""
        if not line.strip():
            return
        self._count += 1
        self._characters += len(line)
        if self._count > MAX_EVENTS or self._characters > MAX_CHARACTERS:
            raise EventError(f"more than {MAX_EVENTS} events or {MAX_CHARACTERS >> 20} MiB", line)
        self._events.write(line.encode("ascii", "backslashreplace").decode() + "\n")
        event = parse_event(line)
        if self.observed.done:
            raise EventError("an event after the last one", line)
        if (self._count == 1) != isinstance(event, Hello):
            raise EventError("the greeting is not the first event", line)
        self._take(event, line)

    def _take(self, event: Event, line: str) -> None:
        seen = self.observed
        if isinstance(event, Op):
            if event.id in seen.ops:
                raise EventError(f"a second result of step {printable(event.id)}", line)
            seen.ops[event.id] = event
        elif isinstance(event, Turned):
            seen.order.take(event.block, event.actor, event.event)
        elif isinstance(event, Exit):
            seen.exits.append(event)
        elif isinstance(event, Out):
            text = seen.output.get(event.actor, b"") + event.data
            seen.output[event.actor] = text[-self.KEPT_OUTPUT :]
        elif isinstance(event, Timeout):
            seen.timeout = event
        elif isinstance(event, Fault):
            seen.faults.append(event)
        elif isinstance(event, Done):
            seen.done = event
