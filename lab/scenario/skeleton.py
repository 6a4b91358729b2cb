"""A new scenario to begin with: it works as it is, and shows what else could stand in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from lab.config import Config, IoctlSpec
from lab.document import display_path
from lab.errors import UsageError
from lab.scenario.files import SUFFIXES
from lab.scenario.published import PUBLISHED

FOLDER = "scenarios"
"""Beside lab.yaml, for a name without a directory."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def new_scenario(name: str, config: Config) -> Path:
    """Write a scenario; return its path. Raises UsageError for a name that will not do, and a file that is there."""
    path = Path(name)
    if path.suffix not in SUFFIXES:
        path = path.with_name(path.name + SUFFIXES[0])
    if not _NAME.fullmatch(path.name):
        raise UsageError(f"{name!r} cannot be a scenario's name", "letters, digits and '-', as in two-writers-share")
    if len(path.parts) == 1:
        path = config.root / FOLDER / path
    elif config.root not in path.resolve().parents:
        raise UsageError(f"{name!r} is not below {config.root}, whose lab.yaml it would belong to", "another directory")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write("\n".join(_lines(path.resolve(), config)) + "\n")
    except FileExistsError:
        raise UsageError(f"{display_path(path)} exists", "another name; nothing is overwritten") from None
    return path


def _lines(path: Path, config: Config) -> Iterator[str]:
    schema = os.path.relpath(config.root / PUBLISHED, path.parent)
    shown = display_path(path)
    ask = next((name for name, each in config.ioctls.items() if each.output and not each.input), None)
    tell = next((name for name, each in config.ioctls.items() if each.input), None)
    yield f"# yaml-language-server: $schema={schema}"
    yield f"# What it does: lab scenario explain {shown}"
    yield f"# Run it:       pytest {shown}"
    yield "lab: 1"
    yield f"description: {path.stem.replace('-', ' ').replace('_', ' ').capitalize()}"
    yield f"# driver: {config.default_driver}"
    if len(config.drivers) > 1:
        yield f"# matrix: {{driver: [{', '.join(config.drivers)}]}}"
    yield "# tags: [smoke]                                    # pytest -m smoke"
    if config.programs:
        yield f"# actors: {{tool: {{program: {next(iter(config.programs))}, args: [HELLO]}}}}"
    yield "steps:"
    yield f"  - user: {{open: ''}}                               # {config.device}; a name below it: {{open: NAME}}"
    yield "  # - user: {write: hello, expect: {bytes: 5}}"
    yield "  # - user: {read: 100, expect: {text: hello}}"
    if ask:
        yield f"  # - user: {{ioctl: {ask}, expect: {{output: {{{_fields(config.ioctls[ask])}}}}}}}"
    if tell:
        yield f"  # - user: {{ioctl: {tell}, input: {{{_inputs(config.ioctls[tell])}}}}}"
    yield "  # - parallel:                                    # lanes side by side, which meet at barriers"
    yield "  #     user: [{barrier: go}, {write: hello}]"
    yield "  #     other: [{open: ''}, {barrier: go}, {read: 100}]"
    yield "  - user: close"
    yield "# expect:"
    yield "#   log: {contains: a text, absent: '/[Ff]ailed/'}   # what the driver printed"
    if config.clean:
        yield "#   end: clean                                     # as lab.yaml's `clean:` says"
    if config.model:
        yield "#   history: linearizable                          # lab.yaml's model explains what the processes saw"


def _fields(ioctl: IoctlSpec) -> str:
    return ", ".join(f"{field.name}: {{min: 0}}" for field in ioctl.output[:2])


def _inputs(ioctl: IoctlSpec) -> str:
    return ", ".join(f"{field.name}: 1" for field in ioctl.input)
