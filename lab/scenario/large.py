"""Data that is too long to be told: the guest compares it by its hash, and what is not as expected comes as a file."""

from __future__ import annotations

from pathlib import Path

from lab.errors import LabError
from lab.scenario.model import Scenario, Step
from lab.scenario.observed import Observed
from lab.scenario.running import RunningGuest
from lab.traffic.data import TOLD

DIRECTORY = r"C:\lab\run"
MAX_KEPT = 8
"""Files of a scenario in the guest; of further ones there is the hash."""
FETCH_SECONDS = 60.0

_TARGET = {"read": 1, "ioctl": 3}
"""Which argument says where the data goes."""


def kept_name(step: Step) -> str:
    """The artifact that holds what a step got."""
    return f"data/{step.id.replace('#', '-').replace('@', '-')}.gz"


def large_steps(scenario: Scenario) -> list[Step]:
    """The steps that may get more than is told, no more than are kept."""
    return [step for step in scenario.steps if step.op in _TARGET and (step.asked or 0) > TOLD][:MAX_KEPT]


def large_targets(scenario: Scenario) -> dict[str, tuple[int, str]]:
    """By step: which of its arguments is to be replaced, and by what."""
    targets = {}
    for number, step in enumerate(large_steps(scenario)):
        digest = step.expected.data.digest if step.expected.data and len(step.expected.data) > TOLD else ""
        at = _TARGET[step.op]
        if str(step.args[at]).isdecimal():
            targets[step.id] = (at, f"{step.args[at]}:{digest}:{_guest_file(number)}")
    return targets


def fetch_large(scenario: Scenario, observed: Observed, guest: RunningGuest, directory: Path) -> list[str]:
    """Bring what the guest has kept; say in words what did not come."""
    failures = []
    for number, step in enumerate(large_steps(scenario)):
        op = observed.ops.get(step.id)
        if op is None or not op.is_kept:
            continue
        target = directory / kept_name(step)
        target.parent.mkdir(exist_ok=True)
        try:
            guest.fetch(_guest_file(number), target, FETCH_SECONDS)
        except LabError as error:
            failures.append(f"{kept_name(step)} did not come: {error}")
    return failures


def _guest_file(number: int) -> str:
    return rf"{DIRECTORY}\data-{number}.bin"
