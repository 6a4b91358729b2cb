"""From a checked scenario to the script that the guest's traffic program performs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lab.scenario.large import large_targets
from lab.scenario.model import Actor, Block, GuestFile, Scenario, Step
from lab.scenario.plan import LOAD_ID
from lab.traffic.schedule import Replayed
from lab.traffic.script import Script


def guest_files(scenario: Scenario) -> tuple[GuestFile, ...]:
    """The files that have to be in the guest before the script runs, each once."""
    files = [actor.program for actor in scenario.actors if isinstance(actor.program, GuestFile)]
    files += [arg for step in scenario.steps for arg in step.args if isinstance(arg, GuestFile)]
    return tuple(dict.fromkeys(files))


def render(
    scenario: Scenario, paths: Mapping[GuestFile, str], *, markers: bool = False, verify: tuple[str, ...] = ()
) -> str:
    """The whole script; `paths` says where in the guest each of `guest_files()` is, `markers` is as for `Script`.

    `verify` is what the load of the driver says to Driver Verifier.
    """
    script = Script(round(scenario.timeout * 1000), markers=markers, schedule=scenario.schedule)
    script.comment(scenario.id)
    for actor in scenario.actors:
        _declare(script, actor, paths)
    large = large_targets(scenario)
    for item in scenario.plan:
        if isinstance(item, Block):
            script.parallel(item.id, item.timeout_ms)
            for step in item.steps:
                _write(script, step, paths, large)
            if isinstance(scenario.schedule, Replayed):
                script.order(scenario.schedule.orders.get(item.id, ()))
            script.end()
        elif item.id == LOAD_ID:
            _write(script, replace(item, args=(*item.args, *verify)), paths, large)
        else:
            _write(script, item, paths, large)
    return script.text


def _declare(script: Script, actor: Actor, paths: Mapping[GuestFile, str]) -> None:
    if actor.program is None:
        script.actor(actor.name)
    else:
        path = paths[actor.program] if isinstance(actor.program, GuestFile) else actor.program
        script.program(actor.name, path, actor.args)
    if actor.user is not None:
        script.user(actor.name, actor.user)
    for name, value in actor.variables.items():
        script.variable(actor.name, name, value)
    if actor.stdin is not None:
        script.input(actor.name, actor.stdin)


def _write(script: Script, step: Step, paths: Mapping[GuestFile, str], large: Mapping[str, tuple[int, str]]) -> None:
    args = [paths[arg] if isinstance(arg, GuestFile) else arg for arg in step.args]
    if step.id in large:
        at, target = large[step.id]
        args[at] = target
    script.step(step.id, step.actor, step.timeout_ms, step.op, *args)
