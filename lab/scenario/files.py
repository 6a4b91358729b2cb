"""Which files are scenarios, and which lab.yaml each of them belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from lab.config import CONFIG_NAME, Config, find_config, load_config
from lab.errors import UsageError

SUFFIXES = (".yaml", ".yml")
ARTIFACTS = "artifacts"
"""Beside lab.yaml: what runs leave, copies of their scenarios too."""

_LAB_KEY = re.compile(rb"^lab[ \t]*:[ \t]*[\"']?[0-9]*[\"']?[ \t]*(#.*)?\r?$", re.MULTILINE)
_STEPS_KEY = re.compile(rb"^steps[ \t]*:", re.MULTILINE)
_HEAD = 64 << 10


def is_scenario(path: Path) -> bool:
    """A YAML file with `lab: 1`; or one with `steps:` beside such files, whose `lab: 1` was forgotten."""
    if path.suffix not in SUFFIXES or path.name == CONFIG_NAME:
        return False
    head = _head(path)
    if _LAB_KEY.search(head):
        return True
    if not _STEPS_KEY.search(head):
        return False
    return any(_LAB_KEY.search(_head(other)) for other in path.parent.glob("*.yaml") if other.name != CONFIG_NAME)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_HEAD)
    except OSError:
        return b""


def scenario_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are named, of directories the scenarios in them and below.

    Raises UsageError for a path that does not exist, and a directory without scenarios.
    """
    for path in paths:
        if not path.is_dir():
            if not path.exists():
                raise UsageError(f"there is no {path}", "name scenario files, or directories of them")
            yield path
            continue
        found = [file for file in sorted(path.rglob("*")) if _is_wanted(file.relative_to(path), path)]
        if not found:
            raise UsageError(f"no scenario in {path}", "a scenario is a .yaml file that begins with `lab: 1`")
        yield from found


def _is_wanted(file: Path, below: Path) -> bool:
    """A scenario, and not in a hidden directory or among the artifacts of earlier runs."""
    for folder in file.parents:
        is_left = folder.name == ARTIFACTS and (below / folder.parent / CONFIG_NAME).is_file()
        if is_left or folder.name.startswith("."):
            return False
    return (below / file).is_file() and is_scenario(below / file)


class Configs:
    """The lab.yaml of each directory, read once."""

    def __init__(self, path: Path | None = None) -> None:
        """`path` is the lab.yaml of all, where it is given."""
        self._given = path
        self._read: dict[Path, Config] = {}

    def of(self, scenario: Path) -> Config:
        """The configuration that a scenario file belongs to. Raises UsageError."""
        path = self._given or find_config(scenario.parent)
        if path not in self._read:
            self._read[path] = load_config(path)
        return self._read[path]
