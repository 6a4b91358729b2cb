"""A scenario's plan in words: what it needs, what happens, what has to hold."""

from __future__ import annotations

from collections.abc import Iterator

from lab.scenario.judge import expected_in_words
from lab.scenario.model import Expected, Isolation, LogExpectation, Scenario, Step
from lab.scenario.picture import cell_text, lane_name, repeated

_FIRST = {
    Isolation.RELOAD: "loaded anew first",
    Isolation.SNAPSHOT: "loaded anew in a guest that was put back to its snapshot",
    Isolation.NONE: "as it happens to be loaded",
}


def in_words(scenario: Scenario) -> Iterator[str]:
    """Lines for a person."""
    yield f"{scenario.id}: {scenario.description}" if scenario.description else scenario.id
    yield _fact("driver", f"{scenario.driver.name}, {_FIRST[scenario.isolation]}")
    if scenario.requires:
        yield _fact("needs", ", ".join(sorted(scenario.requires)))
    if scenario.elsewhere:
        yield _fact("skipped", scenario.elsewhere)
    yield _fact("at most", f"{scenario.timeout:g} s")
    if scenario.tags:
        yield _fact("tags", ", ".join(scenario.tags))
    if scenario.seed or scenario.is_seed_drawn:
        yield _fact("seed", f"{scenario.seed}{', drawn anew in every run' if scenario.is_seed_drawn else ''}")
    if scenario.known_issue:
        yield _fact("but", str(scenario.known_issue))
    yield ""
    yield "What happens:"
    yield from _steps(scenario)
    yield ""
    yield "What has to hold, besides:"
    yield from (f"  {line}" for line in _in_the_end(scenario))


def _fact(name: str, what: str) -> str:
    return f"  {name:<8} {what}"


def _steps(scenario: Scenario) -> Iterator[str]:
    texts = [f"{lane_name(step.actor)}: {cell_text(step)}{_outcome(step)}" for step in scenario.steps]
    ids = [step.id for step in scenario.steps]
    width = min(16, max(len(each) for each in ids))
    for line in repeated(texts):
        label = "" if line.position is None else ids[line.position]
        yield f"  {label:>{width}}  {line.text}"


def _outcome(step: Step) -> str:
    if step.expected == Expected():
        return ""
    return f" -> {expected_in_words(step)}"


def _in_the_end(scenario: Scenario) -> Iterator[str]:
    for wanted in scenario.log:
        yield from (f"the {wanted} {line}" for line in _log(wanted))
    for path in scenario.conserved:
        yield f"every byte written to {path} is read exactly once"
    if scenario.judged_by:
        verb = "contradicts" if scenario.is_contradicted else "explains"
        yield f"the model {scenario.judged_by} {verb} what the processes saw"
    yield f"the guest ends in {scenario.crash}" if scenario.crash else "nothing crashes, and no process ends unasked"


def _log(wanted: LogExpectation) -> Iterator[str]:
    yield from (f"contains {pattern}" for pattern in wanted.contains)
    yield from (f"does not contain {pattern}" for pattern in wanted.absent)
    yield from (f"contains {pattern} {amount} times" for pattern, amount in wanted.count)
    if wanted.order:
        yield f"contains {', then '.join(str(pattern) for pattern in wanted.order)}"
    yield from (f"has {second} for every {first}" for first, second in wanted.pairs)
