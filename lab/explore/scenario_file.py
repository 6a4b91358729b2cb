"""A case written down as a scenario file, as a person would write it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from lab.explore.case import Case
from lab.explore.ground import Ground
from lab.explore.staging import plain_steps

_WIDTH = 120


@dataclass(frozen=True)
class Form:
    """How a case is written down."""

    times: int = 1
    """The case is done so often, for what does not go wrong each time."""
    seed: int | None = None
    """Of the order in which operations side by side are called; None: everybody goes as he can."""


PLAIN = Form()


def scenario_text(ground: Ground, case: Case, description: str, form: Form = PLAIN) -> str:
    """The file."""
    times = form.times
    steps = plain_steps(case, ground.names, ground.plant, closes=times > 1)
    lines = ["lab: 1", f"description: {_flow(description)}", f"driver: {_flow(ground.driver)}"]
    requires = ground.requires(kills=case.kills)
    if requires:
        lines.append(f"requires: {_flow(requires)}")
    watch = dict(ground.watch) | ({"schedule": {"seeded": form.seed}} if form.seed is not None else {})
    lines += [f"{key}: {_flow(value)}" for key, value in watch.items()]
    lines.append("steps:")
    if times > 1:
        lines += [
            "  - repeat:",
            f"      times: {times}",
            "      steps:",
            *(f"    {line}" for line in _steps(steps, "  ")),
        ]
    else:
        lines += _steps(steps, "  ")
    if ground.config.model is not None:
        lines += ["expect:", "  history: linearizable"]
    return "\n".join(lines) + "\n"


def _steps(steps: list[dict[str, Any]], indent: str) -> Iterator[str]:
    for step in steps:
        (kind, value), *_ = step.items()
        if kind != "parallel":
            yield from _item(f"{indent}- {kind}:", value, indent + "    ")
            continue
        yield f"{indent}- parallel:"
        for lane, doings in value.items():
            yield from _item(f"{indent}    {lane}:", doings, indent + "      ")


def _item(head: str, value: Any, indent: str) -> Iterator[str]:
    """On one line if there is room."""
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    line = f"{head} {_flow(value)}"
    if not isinstance(value, list) or len(line) <= _WIDTH:
        yield line
        return
    yield head
    yield from (f"{indent}- {_flow(each)}" for each in value)


class _Plain(yaml.SafeDumper):
    """Without references between equal values."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _flow(value: Any) -> str:
    text = yaml.dump(value, Dumper=_Plain, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
