"""What was tried, and what came of it, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from lab.config import IoctlSpec
from lab.explore.play import Played
from lab.traffic.history import Operation
from lab.traffic.win32 import error_text

_OF_THE_DEVICE = ("open", "write", "read", "ioctl", "flush", "close")


@dataclass
class Tally:
    """Counts cases and operations."""

    ioctls: Collection[IoctlSpec]
    cases: int = 0
    operations: int = 0
    undecided: int = 0
    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    """For each kind of operation how often it had which outcome."""

    def add(self, played: Played) -> None:
        if not played.was_run:
            return
        self.cases += 1
        self.undecided += played.is_undecided
        for operation in played.operations:
            if operation.op in _OF_THE_DEVICE:
                self.operations += 1
                self.kinds.setdefault(self._kind(operation), Counter())[_outcome(operation)] += 1

    @property
    def outcomes(self) -> int:
        """Different ones, of all kinds of operations."""
        return sum(len(counts) for counts in self.kinds.values())

    def lines(self) -> Iterator[str]:
        """A line for each kind of operation."""
        for kind, counts in sorted(self.kinds.items()):
            outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
            yield f"{kind:<24} {counts.total():>7}  {outcomes}"

    def _kind(self, operation: Operation) -> str:
        if operation.op != "ioctl":
            return operation.op
        name = next((spec.name for spec in self.ioctls if spec.code == operation.code), f"{operation.code or 0:#x}")
        return f"ioctl {name}"


def _outcome(operation: Operation) -> str:
    if operation.error or not operation.has_result or not operation.ok:
        return error_text(operation.error) if operation.error else operation.result_text
    if operation.op in ("read", "write"):
        moved, asked = operation.moved or 0, operation.asked or 0
        return "whole" if moved == asked else "none of it" if not moved else "in part"
    return "done"
