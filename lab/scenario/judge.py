"""Compares what happened with what a scenario expects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.document import printable
from lab.scenario.end_state import ASKING, ENDING
from lab.scenario.judge_log import judge_log
from lab.scenario.kd_slice import KdSlice
from lab.scenario.large import kept_name
from lab.scenario.model import Amount, Expected, Scenario, Step, belongs
from lab.scenario.observed import Observed
from lab.scenario.plan import LOAD_ID
from lab.scenario.verdict import Failure
from lab.traffic.data import TOLD, Bytes, Fill
from lab.traffic.events import Op
from lab.traffic.history import Operation, account
from lab.traffic.ntstatus import status_text
from lab.traffic.win32 import error_text

SHOWN_BYTES = 48


def judge(scenario: Scenario, observed: Observed, kd: KdSlice, history: Sequence[Operation] = ()) -> list[Failure]:
    """Every expectation that did not hold, steps first, in the order of the plan."""
    failures = list(_judge_steps(scenario, observed))
    failures += _judge_actors(scenario, observed)
    whole = kd.without(ASKING)
    for wanted in scenario.log:
        part = kd.caused_by(wanted.step, wanted.actors) if wanted.is_of_part else whole
        failures += (Failure("", 1, str(wanted), *difference) for difference in judge_log(wanted, part.text))
    for path in scenario.conserved:
        balance = account(history, path)
        if not balance.is_balanced:
            failures.append(
                Failure("", 1, f"history of {path}", "every byte written is read exactly once", str(balance))
            )
    return failures


def _judge_steps(scenario: Scenario, observed: Observed) -> Iterator[Failure]:
    for step in scenario.steps:
        op = observed.ops.get(step.id)
        if scenario.crash is not None and (op is None or op.gone):
            continue  # What the crash cut off; and after it nothing is performed.
        if op is None:
            yield Failure(step.id, step.line, step.text, expected_in_words(step), "it was never performed")
            if observed.done is not None:
                return  # What follows was not performed either; one such line says it.
        elif not _holds(step, op):
            yield Failure(step.id, step.line, step.text, expected_in_words(step), _got_in_words(step, op))
            if step.id == LOAD_ID:
                return  # Without the driver everything else fails too.


def _holds(step: Step, op: Op) -> bool:
    wanted = step.expected
    if op.gone and step.may_be_cut:
        return True
    if op.gone or op.what:
        return False
    if wanted.errors is not None and (op.error not in wanted.errors or (not op.ok and op.error == 0)):
        return False
    if wanted.statuses is not None and op.ntstatus not in wanted.statuses:
        return False
    if wanted.duration is not None and not wanted.duration.holds(op.t1 - op.t0):
        return False
    if wanted.moved is not None and (op.moved is None or not wanted.moved.holds(op.moved)):
        return False
    if wanted.data is not None and not _is_data(wanted.data, op):
        return False
    if wanted.state is not None and op.state != wanted.state:
        return False
    if wanted.code is not None and op.code != wanted.code:
        return False
    return _output_holds(step, op)


def _output_holds(step: Step, op: Op) -> bool:
    if not step.expected.output:
        return True
    values = step.ioctl.unpack(op.data or b"") if step.ioctl else None
    if values is None:
        return False
    return all(amount.holds(values[name]) for name, amount in step.expected.output.items())


def expected_in_words(step: Step) -> str:
    """What a step has to give."""
    wanted: Expected = step.expected
    parts = []
    if wanted.errors is None:
        parts += ["any result"] if wanted.statuses is None else []
    else:
        parts.append(" or ".join(error_text(code) for code in sorted(wanted.errors)))
    if wanted.statuses is not None:
        parts.append(" or ".join(status_text(code) for code in sorted(wanted.statuses)))
    if wanted.duration is not None:
        parts.append(_in_milliseconds(wanted.duration))
    if wanted.moved is not None:
        parts.append(f"{wanted.moved} bytes")
    if wanted.data is not None:
        parts.append(f"data {_data_in_words(wanted.data)}")
    parts += [f"{name} {amount}" for name, amount in wanted.output.items()]
    if wanted.state is not None:
        parts.append(f"state {wanted.state}")
    if wanted.code is not None:
        parts.append(f"exit code {wanted.code}")
    return ", ".join(parts)


def _got_in_words(step: Step, op: Op) -> str:
    if op.what:
        return f"not done: {printable(op.what, 200)}"
    if op.gone:
        return f"{step.actor} was no longer there"
    parts = [error_text(op.error)]
    if op.part and op.error:
        parts.append(f"while it tried to {printable(op.part)}")
    if op.moved is not None:
        parts.append(f"{op.moved} bytes")
    wanted = step.expected
    if wanted.statuses is not None:
        parts.append(status_text(op.ntstatus) if op.ntstatus or op.ok else "no NTSTATUS")
    if wanted.duration is not None:
        parts.append(f"{(op.t1 - op.t0) / 1000:g} ms")
    if wanted.data is not None and op.data is not None:
        parts.append(f"data {in_words(op.data)}{_first_difference(wanted.data.value, op.data)}")
    if wanted.data is not None and op.digest:
        parts.append(f"data with SHA-256 {op.digest}" + (f", kept as {kept_name(step)}" if op.is_kept else ""))
    if wanted.output and step.ioctl:
        values = step.ioctl.unpack(op.data or b"")
        parts.append(", ".join(f"{name} {values[name]}" for name in wanted.output) if values else "no whole structure")
    if op.state:
        parts.append(f"state {printable(op.state)}")
    if op.code is not None:
        parts.append(f"exit code {op.code}")
    return ", ".join(parts)


def _in_milliseconds(duration: Amount) -> str:
    low, high = (None if each is None else f"{each / 1000:g} ms" for each in (duration.low, duration.high))
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


def _is_data(wanted: Bytes | Fill, op: Op) -> bool:
    if op.digest:
        return op.moved == len(wanted) and op.digest == wanted.digest
    return op.data is not None and len(op.data) == len(wanted) and op.data == wanted.value


def _data_in_words(data: Bytes | Fill) -> str:
    if len(data) > TOLD:
        return f"{len(data)} bytes with SHA-256 {data.digest}"
    return in_words(data.value)


def in_words(data: bytes) -> str:
    """Bytes as a person reads them best: text if it is text, else hexadecimal; bounded."""
    tail = f"... ({len(data)} bytes)" if len(data) > SHOWN_BYTES else ""
    head = data[:SHOWN_BYTES]
    if head and all(32 <= byte < 127 for byte in head.rstrip(b"\0")) and head.rstrip(b"\0"):
        return repr(head.decode("latin-1")) + tail
    return (f"hex {head.hex(' ')}" if head else "nothing") + tail


def _first_difference(wanted: bytes, got: bytes) -> str:
    if min(len(wanted), len(got)) <= SHOWN_BYTES:
        return ""
    at = next((i for i, (a, b) in enumerate(zip(wanted, got, strict=False)) if a != b), min(len(wanted), len(got)))
    return f" (first difference at byte {at})"


def _judge_actors(scenario: Scenario, observed: Observed) -> Iterator[Failure]:
    # A program that is waited for may end before the conductor has come to the wait.
    awaited = {step.actor for step in scenario.steps if step.op == "wait" and not belongs(step.id, ENDING)}
    for ended in observed.exits:
        if not ended.expected and ended.actor not in awaited:
            what = f"actor {printable(ended.actor)} (process {ended.pid})"
            yield Failure("", 1, what, "runs until the scenario ends it", f"ended by itself, exit code {ended.code}")
    for fault in observed.faults:
        yield Failure(printable(fault.id), 1, "the traffic program", "performs every step", printable(fault.what, 300))


def judge_prompts(scenario: Scenario, kd: KdSlice) -> Iterator[Failure]:
    """What the target asked by the debugger and must not."""
    for entry in kd.entries:
        if entry["kind"] != "prompt":
            continue
        text = str(entry["text"])
        rule = scenario.debugger.forbidden(text)
        if rule is not None or entry.get("failed") is True:
            step = str(entry.get("step", ""))
            expected = f"never asks {rule.match!r}" if rule else "never asks"
            yield Failure(
                printable(step), 1, "the kernel debugger's prompt", expected, repr(printable(text.strip(), 300))
            )
