"""The history of a scenario: what its own processes did, and what the system did for those that died."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lab.scenario.model import Scenario, Step
from lab.scenario.observed import Observed
from lab.scenario.requests import BEGUN
from lab.traffic.events import Op
from lab.traffic.history import NEVER, Operation, Status

_DEADLY = ("exit", "crash", "wait")


@dataclass
class _Handle:
    """A handle of one process; what was opened, and by which operation."""

    opened: Operation
    is_open: bool = True


def history_of(scenario: Scenario, observed: Observed) -> list[Operation]:
    """The operations of all processes in the order of their return; those that did not return come last.

    A process that ends closes the handles that it has open: these closes are told too (`implied`).
    """
    history: list[Operation] = []
    by_actor: dict[str, list[Step]] = {}
    for step in scenario.steps:
        by_actor.setdefault(step.actor, []).append(step)
    deaths = _deaths(scenario, observed)
    for actor, steps in by_actor.items():
        history += _Process(observed, deaths.get(actor)).operations(steps)
    history.sort(key=lambda operation: operation.t1)
    return [replace(operation, number=number) for number, operation in enumerate(history)]


def _deaths(scenario: Scenario, observed: Observed) -> dict[str, tuple[int, int]]:
    """When each process that died before the end of the script can have done so."""
    deaths: dict[str, tuple[int, int]] = {}
    for ended in observed.exits:
        if not ended.expected:
            last = [op.t1 for op in observed.ops.values() if op.actor == ended.actor and not op.gone]
            deaths[ended.actor] = (max(last, default=0), ended.t)
    for step in scenario.steps:
        op = observed.ops.get(step.id)
        if op is not None and not op.gone and (step.op in _DEADLY or step.op == "kill"):
            actor = str(step.args[0]) if step.op == "kill" else step.actor
            deaths[actor] = (op.t0, op.t1)
    return deaths


class _Process:
    """Follows the handles of one process through its steps."""

    def __init__(self, observed: Observed, death: tuple[int, int] | None) -> None:
        self._observed = observed
        self._death = death
        self._handles: dict[str, _Handle] = {}
        timeout = observed.timeout
        self._pending = {item.id for item in timeout.pending} if timeout else set()
        self._latest = 0
        self._begun: dict[str, Operation] = {}
        """Requests under way, as they were called."""

    def operations(self, steps: list[Step]) -> Iterator[Operation]:
        for step in steps:
            op = self._observed.ops.get(step.id)
            if step.op == "cancel":
                continue  # No operation on the driver's state: how the request ended says what came of it.
            if op is not None and step.request and self._is_begun(step, op):
                continue
            if op is not None and step.op == "finish":
                operation = self._finished(step, op)
            elif op is not None:
                operation = self._returned(step, op)
            elif step.id in self._pending:
                operation = self._unreturned(step)
            else:
                continue
            yield self._follow(operation)
        yield from (replace(request, status=Status.PENDING, t1=NEVER) for request in self._begun.values())
        yield from self._left_open()

    def _is_begun(self, step: Step, op: Op) -> bool:
        """Whether the request goes on after this step: it is told as one operation, from its begin to its end."""
        if step.op == "finish" or op.gone or op.what or op.error not in BEGUN:
            return False
        self._begun[step.request] = self._follow(self._returned(step, op))
        return True

    def _finished(self, step: Step, op: Op) -> Operation:
        request = self._begun.pop(step.request, None)
        end = self._returned(step, op)
        if request is None:
            return end
        return replace(
            request,
            id=step.id,
            t1=end.t1,
            status=end.status,
            ok=op.ok,
            error=op.error,
            moved=op.moved,
            data=op.data,
            digest=op.digest,
        )

    def _returned(self, step: Step, op: Op) -> Operation:
        status = Status.GONE if op.gone else Status.REFUSED if op.what else Status.RETURNED
        if not op.gone:
            self._latest = max(self._latest, op.t1)
        return replace(
            _called(step),
            pid=op.pid,
            t0=op.t0,
            t1=op.t1,
            status=status,
            ok=op.ok,
            error=op.error,
            moved=op.moved,
            data=op.data,
            digest=op.digest,
        )

    def _unreturned(self, step: Step) -> Operation:
        """It was called after the return of the one before it, the program does not say when."""
        return replace(_called(step), t0=self._latest, t1=NEVER, status=Status.PENDING)

    def _follow(self, operation: Operation) -> Operation:
        """The same with what its handle was opened with."""
        if operation.op == "open":
            if operation.ok or operation.status is Status.GONE:
                self._handles[operation.handle] = _Handle(operation)
            return operation
        handle = self._handles.get(operation.handle)
        if handle is None:
            return operation
        operation = replace(operation, path=handle.opened.path, access=handle.opened.access)
        if operation.op != "close":
            return operation
        if operation.status is Status.GONE:
            # If the process did not do it, the system did when the process ended.
            operation = replace(operation, status=handle.opened.status, ok=True, error=0, implied=True)
        handle.is_open = handle.is_open and not operation.ok
        return operation

    def _left_open(self) -> Iterator[Operation]:
        if self._death is None:
            return
        begin, end = max(self._death[0], self._latest), self._death[1]
        for handle in self._handles.values():
            if handle.is_open:
                yield replace(handle.opened, id="", op="close", t0=begin, t1=end, implied=True)


def _called(step: Step) -> Operation:
    """The operation of a step without its result."""
    code = step.ioctl.code if step.ioctl else int(str(step.args[1]), 16) if step.op == "ioctl" else None
    return Operation(
        id=step.id,
        actor=step.actor,
        pid=0,
        op=step.op,
        handle=step.handle,
        path=step.path,
        t0=0,
        t1=0,
        argument=step.data,
        asked=step.asked,
        ok=False,
        error=0,
        moved=None,
        data=None,
        code=code,
        access=str(step.args[2]).replace("0", "") if step.op == "open" else "",
        target=str(step.args[3 if step.op == "ioctl" else 1]) if step.op in ("read", "ioctl") else "",
        action=str(step.args[0]) if step.op == "service" else "",
        request=step.request,
    )
