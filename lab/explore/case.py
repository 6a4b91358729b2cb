"""A case: traffic of several processes that was made up, before it has names, handles and processes of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

HANDLES: tuple[Mapping[str, str], ...] = ({}, {}, {"access": "r"}, {"access": "w"})
"""What the handles of one process to one name are opened with; the first is used most."""


@dataclass(frozen=True)
class Call:
    """One operation of one process. What its handle needs first is done first, when the case becomes steps."""

    actor: int
    name: int
    """Which of the driver's names."""
    words: Mapping[str, Any]
    """As in a scenario, as in `{read: 10}`; of a write, how many bytes: `{write: 10}`."""
    handle: int = 0
    """Which of `HANDLES`."""

    @property
    def op(self) -> str:
        return next(iter(self.words))


@dataclass(frozen=True)
class Kill:
    """A process is ended by force."""

    actor: int


@dataclass(frozen=True)
class Together:
    """Operations side by side, in order for each process."""

    calls: tuple[Call, ...]
    is_ready: bool = True
    """All handles are opened before."""
    killed: int | None = None
    """The process that is ended amid it."""
    after_ms: int = 0
    """When."""


Step = Call | Kill | Together


@dataclass(frozen=True)
class Case:
    """Steps, one after the other."""

    steps: tuple[Step, ...]

    @property
    def calls(self) -> Iterator[Call]:
        for step in self.steps:
            if isinstance(step, Call):
                yield step
            elif isinstance(step, Together):
                yield from step.calls

    @property
    def kills(self) -> bool:
        return any(
            isinstance(step, Kill) or (isinstance(step, Together) and step.killed is not None) for step in self.steps
        )


@dataclass(frozen=True)
class Plant:
    """A fault that the driver plants when it is told to by an IOCTL."""

    ioctl: str
    input: Mapping[str, int]

    @property
    def words(self) -> dict[str, Any]:
        return {"ioctl": self.ioctl, "input": dict(self.input), "expect": "any"}


def fingerprint(steps: list[Any]) -> str:
    """Equal for steps that are the same, whatever the cases were that they came from."""
    return json.dumps(steps, sort_keys=True)
