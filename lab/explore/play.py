"""Plays cases in the guest and says how each of them ended."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lab.errors import Cause, GuestLostError, InfrastructureError, LabError
from lab.explore.batch import PATIENCE, Batch
from lab.explore.case import Case
from lab.explore.ground import Ground
from lab.scenario.model import Scenario
from lab.scenario.verdict import Verdict
from lab.traffic.history import Operation, Status, read_history
from lab.traffic.linearizability import Decision, check
from lab.traffic.model import Model

DEADLINE = 5.0
"""Seconds to find an order of one case's operations."""
ATTEMPTS = 2

TROUBLE = (Cause.FAILED, Cause.CRASHED, Cause.HUNG)
_STOPS = (Cause.CRASHED, Cause.HUNG)
_LOST = {Cause.GUEST_LOST: GuestLostError}


class Scenarios(Protocol):
    """What runs scenarios, and puts the guest right after each bad ending."""

    def run(self, scenario: Scenario) -> Verdict: ...


@dataclass(frozen=True)
class Trouble:
    """Why a case did not end well."""

    cause: Cause
    kind: str
    """What cases that suffer from one mistake have in common, as far as one can tell."""

    def __str__(self) -> str:
        return f"{self.cause.value}: {self.kind}" if self.kind else self.cause.value


@dataclass
class Played:
    """What came of one case."""

    was_run: bool = False
    """False: a case before it made an end of the script."""
    trouble: Trouble | None = None
    is_undecided: bool = False
    """Neither explained nor refuted in time."""
    operations: list[Operation] = field(default_factory=list)


class Player:
    """Plays cases on one ground."""

    def __init__(self, ground: Ground, scenarios: Scenarios, model: Model | None) -> None:
        self.ground = ground
        self._scenarios = scenarios
        self._model = model

    def play(self, cases: Sequence[Case], patience: int = PATIENCE) -> list[Played]:
        """How each of the first cases ended, as many as go into one script. Raises LabError if none can be played."""
        batch = Batch(self.ground, cases, patience)
        verdict = self._run(batch.scenario())
        history = read_history(verdict.artifacts / "history.jsonl") if verdict.artifacts else []
        if verdict.artifacts:
            shutil.rmtree(verdict.artifacts)
        return list(self._judge(batch, verdict, history))

    def _run(self, scenario: Scenario) -> Verdict:
        for attempt in range(ATTEMPTS):
            verdict = self._scenarios.run(scenario)
            if verdict.cause in (Cause.PASSED, *TROUBLE):
                break
            if verdict.cause is Cause.SKIPPED or attempt + 1 == ATTEMPTS:
                raise _error(verdict)
        return verdict

    def _judge(self, batch: Batch, verdict: Verdict, history: Sequence[Operation]) -> Iterator[Played]:
        parts = batch.split(history)
        last = len(parts) - 1
        if verdict.cause in _STOPS:
            last = self._stopped_in(batch, parts)
        refused = {batch.case_of(failure.step) for failure in verdict.failures if failure.step}
        for number, operations in enumerate(parts):
            played = Played(was_run=number <= last, operations=operations)
            if number == last and verdict.cause in _STOPS:
                played.trouble = Trouble(verdict.cause, self._kind_of_end(verdict, operations))
            elif number in refused:
                first = next(f for f in verdict.failures if f.step and batch.case_of(f.step) == number)
                played.trouble = Trouble(Cause.FAILED, f"{first.what}: {first.got}")
            elif number <= last:
                self._ask_model(played)
            yield played

    def _stopped_in(self, batch: Batch, parts: Sequence[Sequence[Operation]]) -> int:
        """The case that the guest was at: the first that has something pending, or whose last step was not done."""
        for number, operations in enumerate(parts):
            if any(operation.status is Status.PENDING for operation in operations):
                return number
        for number, operations in enumerate(parts):
            steps = batch.steps_of(number)
            returned = {operation.id.split("@")[0].split(".")[0] for operation in operations if operation.has_result}
            if steps and str(steps[-1]) not in returned:
                return number
        return len(parts) - 1

    def _ask_model(self, played: Played) -> None:
        if self._model is None:
            return
        for part in check(played.operations, self._model, DEADLINE):
            if part.decision is Decision.UNDECIDED:
                played.is_undecided = True
            elif part.decision is Decision.NOT_LINEARIZABLE:
                culprit = part.search.course.returns[part.search.furthest].unit.source
                played.trouble = Trouble(Cause.FAILED, self._words(culprit))
                return

    def _kind_of_end(self, verdict: Verdict, operations: Sequence[Operation]) -> str:
        if verdict.cause is Cause.CRASHED:
            return verdict.reason.split(": ")[0]
        pending = [operation for operation in operations if not operation.has_result]
        return self._words(pending[0]) if pending else ""

    def _words(self, operation: Operation) -> str:
        """`read`, `ioctl set-size`."""
        if operation.op != "ioctl":
            return operation.op
        names = [spec.name for spec in self.ground.config.ioctls.values() if spec.code == operation.code]
        return f"ioctl {names[0] if names else hex(operation.code or 0)}"


def _error(verdict: Verdict) -> LabError:
    advice = verdict.details[0] if verdict.details else ""
    return _LOST.get(verdict.cause, InfrastructureError)(verdict.reason, advice)
