"""From the steps of a scenario file to the flat list of operations that the guest performs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lab.config import Config, DriverSpec
from lab.document import Location, shown, suggestion
from lab.scenario.barriers import Deadlock, rounds
from lab.scenario.cast import CONDUCTOR, STEP_KINDS, STEP_OPTIONS, Cast
from lab.scenario.doing import Doing, operation_kind
from lab.scenario.expected import expected
from lab.scenario.model import Argument, Block, Expected, GuestFile, Isolation, Step
from lab.scenario.operations import STEP_TIMEOUT_MS, Operations
from lab.scenario.values import Report, milliseconds
from lab.traffic.script import CONDUCTOR as NOBODY

MAX_OPERATIONS = 100_000
LOAD_ID = "load"
"""The step that loads the driver anew before the scenario's own."""

_OPTIONS_OF = {
    "parallel": ("timeout",),
    "repeat": (),
    "service": ("name", "driver", "file", "expect", "timeout"),
    "kill": ("expect", "timeout"),
    "wait": ("expect", "timeout"),
    "sleep": (),
}


class _TooMany(Exception):  # noqa: N818  (control flow inside this file)
    pass


class Planner:
    """Makes the plan of one scenario; problems go to the report."""

    def __init__(
        self, config: Config, driver: DriverSpec, cast: Cast, report: Report, timeout_ms: int, seed: int = 0
    ) -> None:
        self._config = config
        self._driver = driver
        self._cast = cast
        self._report = report
        self._timeout_ms = timeout_ms
        self._operations = Operations(config, cast, report, seed)
        self._count = 0

    def plan(self, steps: list[Any], isolation: Isolation) -> tuple[Step | Block, ...]:
        """All steps in order; first of all the driver's reload, unless whatever is loaded stays."""
        items: list[Step | Block] = []
        if isolation is not Isolation.NONE:
            items.append(self._load())
        try:
            items.extend(self._steps(steps, ("steps",), ""))
        except _TooMany:
            self._report.add(("steps",), "come to more operations than a script can hold", f"at most {MAX_OPERATIONS}")
        self._cast.check_used()
        return tuple(items)

    def _load(self) -> Step:
        return Step(
            id=LOAD_ID,
            line=1,
            actor=NOBODY,
            op="service",
            args=("reload", self._driver.service, GuestFile("driver", self._driver.name)),
            timeout_ms=self._timeout_ms,
            expected=Expected(),
            text=f"load {self._driver.name}",
        )

    def _next(self) -> int:
        self._count += 1
        if self._count > MAX_OPERATIONS:
            raise _TooMany
        return self._count

    def _timeout(self, value: dict[str, Any], default: int) -> int:
        chosen = milliseconds(value["timeout"]) if "timeout" in value else default
        return min(chosen, self._timeout_ms)

    def _steps(self, steps: list[Any], where: Location, prefix: str) -> Iterator[Step | Block]:
        for i, step in enumerate(steps):
            yield from self._one(step, (*where, i), f"{prefix}{i + 1}")

    def _one(self, step: dict[str, Any], where: Location, step_id: str) -> Iterator[Step | Block]:
        kind = self._kind(step, where)
        if kind is None:
            return
        if kind == "parallel":
            yield self._parallel(step, where, step_id)
        elif kind == "repeat":
            repeat = step["repeat"]
            for turn in range(repeat["times"]):
                inside = (*where, "repeat", "steps")
                yield from self._steps(repeat["steps"], inside, f"{step_id}#{turn + 1}.")
        elif kind in STEP_KINDS:
            yield from self._conducted(kind, step, where, step_id)
        else:
            members = self._cast.members(kind, (*where, kind))
            for member in members:
                own_id = f"{step_id}@{member}" if len(members) > 1 else step_id
                yield from self._doings(step[kind], (*where, kind), own_id, member, STEP_TIMEOUT_MS)

    def _kind(self, step: dict[str, Any], where: Location) -> str | None:
        kinds = [key for key in step if key not in STEP_OPTIONS]
        if len(kinds) != 1:
            what = "says nothing to do" if not kinds else f"says {len(kinds)} things, {' and '.join(kinds)}"
            right = "an actor or one of " + ", ".join(STEP_KINDS) if not kinds else "one to a step"
            self._report.add(where, what, right)
            return None
        kind = kinds[0]
        for key in step:
            if key != kind and key not in _OPTIONS_OF.get(kind, ()):
                owners = [name for name, options in _OPTIONS_OF.items() if key in options]
                right = f"it goes with {' and '.join(owners)}"
                if kind not in STEP_KINDS and key in ("expect", "timeout"):
                    right = f"inside the braces, as in `{kind}: {{read: 100, {key}: ...}}`"
                self._report.add((*where, key), f"does not go beside {shown(kind)}", right)
        return kind

    def _doings(self, value: Any, where: Location, step_id: str, actor: str, timeout_ms: int) -> Iterator[Step]:
        """An operation, the bare name of one, or a list of operations."""
        if isinstance(value, list):
            for i, item in enumerate(value):
                yield from self._doings(item, (*where, i), f"{step_id}.{i + 1}", actor, timeout_ms)
            return
        if isinstance(value, str):
            value = {value: "" if value == "open" else None}
        kind = operation_kind(value, where, self._report)
        if kind is None:
            return
        if kind == "repeat":
            inside = (*where, "repeat", "steps")
            for turn in range(value["repeat"]["times"]):
                yield from self._doings(value["repeat"]["steps"], inside, f"{step_id}#{turn + 1}", actor, timeout_ms)
            return
        line = self._report.line(where)
        number = self._next()
        limit = self._timeout(value, timeout_ms)
        yield self._operations.make(kind, Doing(value, where, step_id, actor, line, limit, number))

    def _conducted(self, kind: str, step: dict[str, Any], where: Location, step_id: str) -> Iterator[Step]:
        """A step that no actor does."""
        self._next()
        here = (*where, kind)
        args: tuple[Argument, ...]
        if kind == "service":
            args = self._service(step, where)
            yield self._conductor_step(kind, args, f"service {step[kind]}", step, where, step_id)
        elif kind == "sleep":
            ms = milliseconds(step[kind])
            yield self._conductor_step(kind, (str(ms),), f"sleep {ms} ms", step, where, step_id)
        else:
            members = (
                self._cast.waited_for(step[kind], here) if kind == "wait" else self._cast.existing(step[kind], here)
            )
            for member in members:
                self._cast.check_alive(member, here)
                own_id = f"{step_id}@{member}" if len(members) > 1 else step_id
                made = self._conductor_step(kind, (member,), f"{kind} {member}", step, where, own_id)
                # `wait` is queued with the actor's own operations, `kill` strikes while one is going on.
                yield replace(made, actor=member, args=()) if kind == "wait" else made
            self._cast.end(members, here)

    def _conductor_step(
        self, kind: str, args: tuple[Argument, ...], words: str, step: dict[str, Any], where: Location, step_id: str
    ) -> Step:
        return Step(
            id=step_id,
            line=self._report.line(where),
            actor=NOBODY,
            op=kind,
            args=args,
            timeout_ms=self._timeout(step, self._timeout_ms),
            expected=expected(step.get("expect"), (*where, "expect"), self._report, kind),
            text=words,
        )

    def _service(self, step: dict[str, Any], where: Location) -> tuple[Argument, ...]:
        action = step["service"]
        name = step.get("name", self._driver.service)
        takes_file = action in ("create", "reload")
        for key in ("driver", "file"):
            if key in step and not takes_file:
                self._report.add((*where, key), f"does not go with {action}", "it goes with create and reload")
        if not takes_file:
            return (action, name)
        if "file" in step:
            if "driver" in step:
                self._report.add((*where, "file"), "and driver exclude each other", "one of them")
            return (action, name, step["file"])
        driver = step.get("driver", self._driver.name)
        if driver not in self._config.drivers:
            right = suggestion(driver, self._config.drivers)
            self._report.add((*where, "driver"), f"{shown(driver)} is not a driver of lab.yaml", right)
        return (action, name, GuestFile("driver", driver))

    def _parallel(self, step: dict[str, Any], where: Location, step_id: str) -> Block:
        lanes = step["parallel"]
        timeout = self._timeout(step, self._timeout_ms)
        steps: list[Step] = []
        for name, doings in lanes.items():
            here = (*where, "parallel", name)
            if name == CONDUCTOR:
                continue
            for member in self._cast.members(name, here):
                steps.extend(self._doings(doings, here, f"{step_id}@{member}", member, timeout))
        for i, item in enumerate(lanes.get(CONDUCTOR, [])):
            here = (*where, "parallel", CONDUCTOR, i)
            kind = self._kind(item, here)
            if kind is not None:
                steps.extend(self._conducted(kind, item, here, f"{step_id}@{CONDUCTOR}.{i + 1}"))
        killed = {step.args[0] for step in steps if step.op == "kill"}
        cut = [replace(step, may_be_cut=True) if step.actor in killed else step for step in steps]
        block = Block(step_id, self._report.line(where), timeout, tuple(cut))
        return self._with_barriers(block, (*where, "parallel"))

    def _with_barriers(self, block: Block, where: Location) -> Block:
        """Each barrier waits for all actors of the block that pass it, and all pass it equally often."""
        passes: dict[str, Counter[str]] = defaultdict(Counter)
        for step in block.steps:
            if step.op == "barrier":
                passes[str(step.args[0])][step.actor] += 1
        for name, actors in passes.items():
            if len(actors) == 1:
                what = f"only {shown(next(iter(actors)))} is ever at barrier {shown(name)}"
                self._report.add(where, what, "the same barrier in another lane, or none")
            elif len(set(actors.values())) > 1:
                often = ", ".join(f"{actor} {count} times" for actor, count in actors.items())
                self._report.add(
                    where, f"barrier {shown(name)} is passed unequally ({often})", "equally often in each lane"
                )
        steps = [
            replace(step, args=(*step.args, str(len(passes[str(step.args[0])])))) if step.op == "barrier" else step
            for step in block.steps
        ]
        block = replace(block, steps=tuple(steps))
        if all(len(set(actors.values())) == 1 < len(actors) for actors in passes.values()):
            self._check_progress(block, where)
        return block

    def _check_progress(self, block: Block, where: Location) -> None:
        try:
            for _ in rounds(block):
                pass
        except Deadlock as found:
            self._report.add(where, f"stands still: {found}", "the same order of barriers in all lanes")
