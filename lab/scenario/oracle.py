"""Asks the reference model whether a scenario's history can be explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.config import ModelSpec
from lab.scenario.verdict import Failure
from lab.traffic.explanation import Explanation, explain, explain_in_words
from lab.traffic.history import Operation
from lab.traffic.lanes import draw_svg, lanes_of
from lab.traffic.linearizability import Decision, check
from lab.traffic.model import load_model

DEADLINE = 4.0
"""Seconds for the search, and at most as many for each explanation."""
EXPLANATIONS = 2
"""Parts of the driver's state of which a contradiction is told; one is enough to work on."""

EXPECTED = "some order of the operations explains every result"


@dataclass
class Answer:
    """What the model has to say."""

    contradictions: list[Explanation] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    """One line for each part of the state that the time was too short for."""

    def failures(self, *, contradiction_wanted: bool = False) -> list[Failure]:
        """What to hold against the driver; if a contradiction is wanted, that there is none."""
        if not contradiction_wanted:
            return [_failure(found) for found in self.contradictions]
        if self.contradictions or self.undecided:
            return []
        return [Failure("", 1, "history", "the reference model contradicts it", "it explains every result")]

    def pictures(self) -> list[str]:
        """Each contradiction as SVG."""
        return [_picture(found) for found in self.contradictions]

    def text(self) -> str:
        return "\n\n".join(explain_in_words(found) for found in self.contradictions)


def ask_model(spec: ModelSpec, device: str, history: Sequence[Operation]) -> Answer:
    """Raises UsageError when lab.yaml's model cannot be loaded."""
    model = load_model(spec, device)
    answer = Answer()
    for part in check(history, model, DEADLINE):
        if part.decision is Decision.UNDECIDED:
            what = f"{len(part.operations)} operations, {part.search.looked_at} configurations looked at"
            answer.undecided.append(f"history of {part.key}: neither explained nor refuted in time ({what})")
        elif part.decision is Decision.NOT_LINEARIZABLE and len(answer.contradictions) < EXPLANATIONS:
            answer.contradictions.append(explain(part, model, DEADLINE / EXPLANATIONS))
    return answer


def _picture(found: Explanation) -> str:
    return draw_svg(lanes_of(found.operations, found.core), found.headline, found.before)


def _failure(found: Explanation) -> Failure:
    core = [operation for operation in found.operations if operation.number in found.core]
    steps = ", ".join(f"{each.actor} {each.call_text} -> {each.result_text}" for each in core)
    what = f"history of {found.key}"
    return Failure(found.culprit.id, 1, what, EXPECTED, f"{len(core)} that cannot be ordered: {steps}")
