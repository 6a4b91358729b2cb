"""Holds what was seen of a run that came to its end against what its scenario expects."""

from __future__ import annotations

from lab.errors import Cause
from lab.scenario.history import history_of
from lab.scenario.judge import judge, judge_prompts
from lab.scenario.judge_crash import judge_crash
from lab.scenario.observed import Observed
from lab.scenario.oracle import Answer, ask_model
from lab.scenario.record import Record
from lab.scenario.schedule import judge_order
from lab.scenario.verdict import Verdict
from lab.traffic.history import Operation


def compare(record: Record, seen: Observed) -> Verdict:
    """Passed, or what did not hold."""
    scenario = record.scenario
    history = history_of(scenario, seen)
    failures = [*judge_prompts(scenario, record.kd), *judge_order(scenario, seen.order.blocks)]
    failures += judge(scenario, seen, record.own_kd, history)
    if scenario.crash is not None and record.aftermath.crash is None:
        failures = judge_crash(scenario.crash, None) + failures
    answer = _ask_model(record, history)
    failures += answer.failures(contradiction_wanted=scenario.is_contradicted)
    if failures:
        return Verdict.failed(scenario, failures)
    if answer.undecided and not answer.contradictions:
        return Verdict.ended(scenario, Cause.INFRASTRUCTURE, answer.undecided[0], answer.undecided)
    return Verdict(scenario, Cause.PASSED)


def _ask_model(record: Record, history: list[Operation]) -> Answer:
    model = record.scenario.judged_by
    if model is None:
        return Answer()
    answer = ask_model(model, record.scenario.device, history)
    if answer.contradictions:
        record.artifacts.write("contradiction.txt", answer.text() + "\n")
    for number, picture in enumerate(answer.pictures(), 1):
        record.artifacts.write(f"contradiction-{number}.svg", picture)
    return answer
