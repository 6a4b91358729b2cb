"""How a scenario ended, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.document import display_path, printable
from lab.errors import Cause
from lab.scenario.model import Scenario

MAX_KD_LINES = 40
MAX_FAILURES = 10
MAX_REASON = 500


@dataclass(frozen=True)
class Failure:
    """One expectation that did not hold."""

    step: str
    """Id of the step; empty for expectations on the scenario as a whole."""
    line: int
    what: str
    expected: str
    got: str

    def to_json(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "line": self.line,
            "what": self.what,
            "expected": self.expected,
            "got": self.got,
        }


@dataclass
class Verdict:
    """The one ending of one scenario."""

    scenario: Scenario
    cause: Cause
    reason: str = ""
    """One line; empty when passed."""
    failures: list[Failure] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    """More lines: pending operations, advice."""
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds by phase."""
    operations: int = 0
    kd_lines: list[str] = field(default_factory=list)
    """The scenario's part of the kd log."""
    artifacts: Path | None = None
    held: bool = False
    """The guest is stopped in the kernel debugger and stays so, for a human to look."""

    @classmethod
    def ended(cls, scenario: Scenario, cause: Cause, reason: str, details: list[str]) -> Verdict:
        """One that did not pass; the reason may be the guest's words."""
        return cls(scenario, cause, printable(reason.replace("\n", "; "), MAX_REASON), details=details)

    @classmethod
    def failed(cls, scenario: Scenario, failures: list[Failure]) -> Verdict:
        """The first of what did not hold is the reason."""
        first = failures[0]
        step = f"step {first.step}, " if first.step else ""
        verdict = cls.ended(
            scenario, Cause.FAILED, f"{step}{first.what}: expected {first.expected}, got {first.got}", []
        )
        verdict.failures = failures
        return verdict

    @property
    def is_good(self) -> bool:
        return self.cause in (Cause.PASSED, Cause.SKIPPED)

    @property
    def is_known(self) -> bool:
        """A failure that the scenario's known issue explains."""
        issue = self.scenario.known_issue
        return issue is not None and issue.explains(self.cause)

    def headline(self) -> str:
        """`failed: step 4, reader: read 100 bytes: expected 5 bytes, got 0 bytes`."""
        return f"{self.cause.value}: {self.reason}" if self.reason else self.cause.value

    def report(self) -> str:
        """Everything a person needs at first sight; bounded."""
        file = display_path(self.scenario.path)
        lines = [f"{self.scenario.id}: {self.headline()}"]
        if self.scenario.description:
            lines.append(f"  it should show: {self.scenario.description}")
        for failure in self.failures[:MAX_FAILURES]:
            step = f"step {failure.step}, " if failure.step else ""
            lines += [
                "",
                f"{file}:{failure.line}: {step}{failure.what}",
                f"    expected: {failure.expected}",
                f"    got:      {failure.got}",
            ]
        if len(self.failures) > MAX_FAILURES:
            lines.append(f"and {len(self.failures) - MAX_FAILURES} more (all are in result.json)")
        lines += ["", *self.details] if self.details else []
        if self.scenario.known_issue is not None:
            lines += ["", str(self.scenario.known_issue)]
        if self.scenario.is_seed_drawn:
            seed = self.scenario.seed
            lines += ["", f"seed {seed} was drawn; the same again: pytest --lab-seed {seed}"]
        if self.artifacts:
            lines += ["", *self._kd_part(), "", f"artifacts: {display_path(self.artifacts)}"]
        return "\n".join(lines)

    def _kd_part(self) -> list[str]:
        if not self.kd_lines:
            return ["kd log of this scenario: nothing"]
        cut = len(self.kd_lines) - MAX_KD_LINES
        lines = ["kd log of this scenario:" if cut <= 0 else f"kd log of this scenario ({cut} lines before these):"]
        return lines + [f"    {line}" for line in self.kd_lines[-MAX_KD_LINES:]]
