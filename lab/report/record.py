"""What one scenario left on disk, read back: bounded, and whatever of it is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.document import printable
from lab.errors import UsageError
from lab.kd.entry import LogEntry, parse_line
from lab.kd.log_reader import read_lines
from lab.traffic.history import Operation, read_history

RESULT = "result.json"
HTML = "report.html"
MAX_JSON_BYTES = 64 << 20
MAX_TEXT_BYTES = 1 << 20
MAX_ENTRIES = 200_000
MAX_CRASH_LINES = 1000
MAX_LINE = 400


@dataclass(frozen=True)
class Failure:
    """An expectation that did not hold."""

    step: str
    line: int
    what: str
    expected: str
    got: str


@dataclass(frozen=True)
class Record:
    """One run of one scenario, as its directory tells it."""

    directory: Path
    """Where it lies, or will lie."""
    result: Mapping[str, Any]
    operations: tuple[Operation, ...] = ()
    entries: tuple[LogEntry, ...] = ()
    """Of the kd log."""
    crash: Mapping[str, Any] = field(default_factory=dict)
    """The crash report; empty when there is none."""
    crash_text: str = ""
    """The same in words; of a hang, where everybody stands."""
    source: str = ""
    """The scenario's YAML."""
    files: tuple[str, ...] = ()
    """Everything in the directory, by relative path."""
    gaps: tuple[str, ...] = ()
    """What could not be read, in words."""

    def text(self, *names: str) -> str:
        """A text of the result, at the end of these keys; empty when it is not there or none."""
        value: Any = self.result
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, str) else ""

    @property
    def scenario(self) -> str:
        return self.text("scenario") or self.directory.name

    @property
    def cause(self) -> str:
        return self.text("cause") or "unknown"

    @property
    def headline(self) -> str:
        """`failed: step 4, reader: ...`."""
        return f"{self.cause}: {self.text('reason')}" if self.text("reason") else self.cause

    @property
    def failures(self) -> list[Failure]:
        found = []
        for each in _list(self.result.get("failures")):
            if isinstance(each, dict):
                line = each.get("line")
                step, what, expected, got = (str(each.get(name, "")) for name in ("step", "what", "expected", "got"))
                found.append(Failure(step, line if isinstance(line, int) else 0, what, expected, got))
        return found

    @property
    def details(self) -> list[str]:
        return [str(each) for each in _list(self.result.get("details"))]

    @property
    def signature(self) -> tuple[str, str]:
        """Hash and text; both empty when there is none."""
        return self.text("signature", "hash"), self.text("signature", "text")

    @property
    def crash_lines(self) -> list[str]:
        """The crash report's text, each line printable and bounded."""
        lines = self.crash_text.rstrip("\n").split("\n") if self.crash_text else []
        return [printable(line, MAX_LINE) for line in lines[:MAX_CRASH_LINES]]


def read_record(directory: Path, place: Path | None = None) -> Record:
    """Read what a scenario left. Raises UsageError when the directory has no readable result.json."""
    result = read_json(directory / RESULT)
    if not isinstance(result, dict):
        what = f"{directory} holds no result of a scenario"
        raise UsageError(what, "name a directory below artifacts/RUN/ that has a result.json")
    gaps: list[str] = []
    return Record(
        directory=place or directory,
        result=result,
        operations=tuple(_history(directory / "history.jsonl", gaps)),
        entries=tuple(_entries(directory / "kd.jsonl")),
        crash=crash if isinstance(crash := read_json(directory / "crash.json"), dict) else {},
        crash_text=_text(directory / "crash.txt") or _text(directory / "hang.txt"),
        source=_text(directory / "scenario.yaml"),
        files=tuple(sorted(str(each.relative_to(directory)) for each in directory.rglob("*") if each.is_file())),
        gaps=tuple(gaps),
    )


def read_json(path: Path) -> Any:
    """The JSON in a file; None when there is none, or too much of it."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            return None
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_TEXT_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _history(path: Path, gaps: list[str]) -> list[Operation]:
    if not path.is_file():
        return []
    try:
        return read_history(path)
    except UsageError as error:
        gaps.append(str(error))
        return []


def _entries(path: Path) -> Iterator[LogEntry]:
    if not path.is_file():
        return
    for number, line in enumerate(read_lines(path)):
        entry = parse_line(line) if number < MAX_ENTRIES else None
        if entry is not None:
            yield entry
