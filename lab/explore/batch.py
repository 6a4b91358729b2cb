"""Several cases in one script, so that the guest is asked once: each at names that nobody has used before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.document import Document
from lab.explore.case import Case
from lab.explore.ground import Ground
from lab.explore.staging import Actors, Staging
from lab.scenario.load import check_scenarios
from lab.scenario.model import Scenario
from lab.traffic.history import Operation

MOST_OPERATIONS = 1000
MOST_KILLED = 48
"""Processes; a script can have 64."""
PATIENCE = 10
"""Seconds for one operation before the guest is taken for hung."""

_NUMBER = re.compile(r"[0-9]+")


class Batch:
    """Cases that are played one after the other by one command."""

    def __init__(self, ground: Ground, cases: Iterable[Case], patience: int = PATIENCE) -> None:
        """Takes as many of the cases as fit, at least one; `patience` is in seconds."""
        self.cases: list[Case] = []
        self._ends: list[int] = []
        """How many steps there are up to the end of each case."""
        self._ground = ground
        self._patience = f"{patience}s"
        self._steps: list[dict[str, Any]] = []
        actors, operations = Actors(), 0
        for case in cases:
            operations += sum(1 for _ in case.calls)
            if self.cases and (operations > MOST_OPERATIONS or actors.ended >= MOST_KILLED):
                break
            self._add(case, actors)

    def _add(self, case: Case, actors: Actors) -> None:
        suffix = str(len(self.cases) + 1)
        names = self._ground.names
        staging = Staging(lambda number: names[number] + suffix if names else "", actors, self._ground.plant)
        staging.stage(case)
        staging.close()
        if not names and self.cases:
            self._steps.append({"service": "reload"})
        self._steps += [self._in_one_go(step) for step in staging.steps]
        self.cases.append(case)
        self._ends.append(len(self._steps))

    def scenario(self) -> Scenario:
        """The whole, as a scenario that expects nothing but that names can be opened and closed."""
        data = {
            **self._ground.watch,
            "lab": 1,
            "driver": self._ground.driver,
            "requires": self._ground.requires(kills=any(case.kills for case in self.cases)),
            "timeout": f"{60 + len(self._steps)}s",
            "steps": self._steps or [{"sleep": "0s"}],
        }
        (scenario,) = check_scenarios(Document("a batch of cases", data), Path("batch.yaml"), self._ground.config)
        # The driver's prints are of no concern here, and announcing each step takes as long as doing it.
        return replace(scenario, is_announced=False)

    def case_of(self, step_id: str) -> int | None:
        """The position of the case that a step belongs to; None where it belongs to none, as loading the driver."""
        found = _NUMBER.match(step_id)
        if found is None:
            return None
        step = int(found.group())
        return next(number for number, end in enumerate(self._ends) if step <= end)

    def split(self, history: Sequence[Operation]) -> list[list[Operation]]:
        """The operations of each case; closing what a dead process had open belongs to the case it died in."""
        parts: list[list[Operation]] = [[] for _ in self.cases]
        last_case: dict[str, int] = {}
        for operation in history:
            number = self.case_of(operation.id) if operation.id else None
            if number is not None:
                last_case[operation.actor] = max(number, last_case.get(operation.actor, 0))
        for operation in history:
            number = self.case_of(operation.id) if operation.id else last_case.get(operation.actor)
            if number is not None:
                parts[number].append(operation)
        return parts

    def steps_of(self, number: int) -> range:
        """The steps of a case, counted from 1."""
        return range(self._ends[number - 1] + 1 if number else 1, self._ends[number] + 1)

    def _in_one_go(self, step: dict[str, Any]) -> dict[str, Any]:
        """A process that does several things gets them all at once, as the only lane of a block: that is quicker."""
        (kind, doings), *_ = step.items()
        if kind == "parallel":
            return step | {"timeout": self._patience}
        if isinstance(doings, list) and len(doings) > 1:
            return {"parallel": step, "timeout": self._patience}
        return step
