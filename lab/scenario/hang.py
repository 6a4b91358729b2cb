"""What is left on disk of a scenario that hung: who waits for what, and where everybody stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab.crash.seen import HangSeen
from lab.scenario.pulse import Liveness

VERSION = 1
MAX_STACKS = 6
MAX_CALLS = 8


@dataclass(frozen=True)
class Hang:
    """A hang, explained."""

    reason: str
    liveness: Liveness
    pending: Sequence[str]
    """Operations that had not returned, each with its actor."""
    seen: HangSeen
    late: float
    """Seconds from the scenario's deadline to the verdict."""

    def to_result(self) -> dict[str, Any]:
        """For `result.json`."""
        found = {"liveness": self.liveness.kind, "pending": list(self.pending)}
        return {**found, "seconds_after_deadline": round(self.late, 3)}

    def text(self) -> str:
        """For `hang.txt`."""
        lines = [self.reason, "", str(self.liveness), *(f"not returned: {each}" for each in self.pending)]
        lines.append(f"this was known {self.late:.1f} s after the deadline")
        lines += [f"no {part.what}: {part.failure}" for part in self.seen.parts if part.failure]
        report = self.seen.report
        return "\n".join(lines) + "\n" + (f"\n{report.text()}" if report else "")

    def to_json(self) -> dict[str, Any]:
        """For `hang.json`, version 1."""
        report = self.seen.report
        return {
            "v": VERSION,
            "reason": self.reason,
            "liveness": {"kind": self.liveness.kind, "words": self.liveness.words},
            "pending": list(self.pending),
            "evidence": [part.to_json() for part in self.seen.parts],
            "report": report.to_json() if report else None,
        }

    def lines(self) -> list[str]:
        """The stacks that have the driver on them, for the verdict."""
        lines = [str(self.liveness)]
        stacks = [each for each in (self.seen.report.stacks if self.seen.report else ()) if _is_in_driver(each.calls)]
        for stack in stacks[:MAX_STACKS]:
            waits = f", waits for {stack.waits_for}" if stack.waits_for else ""
            lines.append(f"{stack.label}{waits}:")
            lines += [f"    {call}" for call in stack.calls[:MAX_CALLS]]
        if stacks:
            lines.append("all threads are in hang.txt")
        return lines + [f"no {part.what}: {part.failure}" for part in self.seen.parts if part.failure]


def _is_in_driver(calls: Sequence[Any]) -> bool:
    return any(not call.is_system for call in calls)
