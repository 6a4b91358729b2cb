"""The crashes that runs left below artifacts/, grouped by what they are recognised by."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.document import printable
from lab.errors import UsageError

MAX_RESULT_BYTES = 16 << 20
MAX_TEXT = 500


@dataclass(frozen=True)
class KnownCrash:
    """One crash of one scenario."""

    directory: Path
    scenario: str
    began: float
    """Seconds since 1970."""
    hash: str
    """Of the signature; empty when the crash has none, because nobody could look at it."""
    text: str
    """The signature's words, or else what was told of the crash."""


@dataclass(frozen=True)
class CrashGroup:
    """Crashes with one signature, oldest first."""

    hash: str
    text: str
    crashes: tuple[KnownCrash, ...]

    @property
    def first(self) -> KnownCrash:
        return self.crashes[0]

    @property
    def last(self) -> KnownCrash:
        return self.crashes[-1]

    @property
    def scenarios(self) -> list[str]:
        return sorted({each.scenario for each in self.crashes})

    def to_json(self) -> dict[str, Any]:
        """`signature` (`hash`, `text`), `count`, `first` and `last` (`time`, `directory`), `scenarios`."""
        return {
            "signature": {"hash": self.hash, "text": self.text},
            "count": len(self.crashes),
            "first": {"time": self.first.began, "directory": str(self.first.directory)},
            "last": {"time": self.last.began, "directory": str(self.last.directory)},
            "scenarios": self.scenarios,
        }


def group_crashes(root: Path) -> list[CrashGroup]:
    """The groups below a directory, the one seen last first. Raises UsageError when there is no such directory."""
    if not root.is_dir():
        raise UsageError(f"no directory {root}", "name one that holds results: artifacts, or a run below it")
    groups: dict[tuple[str, str], list[KnownCrash]] = defaultdict(list)
    for crash in _crashes(root):
        groups[crash.hash, "" if crash.hash else crash.text].append(crash)
    found = []
    for crashes in groups.values():
        crashes.sort(key=lambda each: each.began)
        found.append(CrashGroup(crashes[-1].hash, crashes[-1].text, tuple(crashes)))
    return sorted(found, key=lambda group: -group.last.began)


def day(began: float) -> str:
    """When, in UTC."""
    return datetime.fromtimestamp(began, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _crashes(root: Path) -> Iterator[KnownCrash]:
    for path in root.rglob("result.json"):
        result = _read(path)
        if result is None:
            continue
        crash = _crash(path.parent, result)
        if crash is not None:
            yield crash


def _crash(directory: Path, result: dict[str, Any]) -> KnownCrash | None:
    signature, began = result.get("signature"), result.get("began")
    if result.get("cause") != "crashed" and not signature:
        return None
    signature = signature if isinstance(signature, dict) else {}
    text = signature.get("text") or result.get("reason") or "a crash of which nothing is known"
    return KnownCrash(
        directory,
        printable(str(result.get("scenario", directory.name)), MAX_TEXT),
        began if isinstance(began, int | float) and 0 <= began < 1 << 36 else 0.0,
        printable(str(signature.get("hash") or ""), 40),
        printable(str(text), MAX_TEXT),
    )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        if path.stat().st_size > MAX_RESULT_BYTES:
            return None
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
