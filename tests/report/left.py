"""Directories as scenarios leave them, and pages as a browser reads them."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from lab.kd.entry import LogEntry
from lab.traffic.history import Operation

EVIL = "<script>alert('x')</script>\x1b]0;title\x07\"'&amp;"
_OUTSIDE = ("src", "href", "action", "data", "srcset", "poster", "xlink:href")


class Page(HTMLParser):
    """What a browser would do with a page: its elements and where they lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in _OUTSIDE]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def operation(step: str, actor: str, t0: int, t1: int, **more: Any) -> Operation:
    fields: dict[str, Any] = {
        "pid": 4, "op": "write", "handle": "h", "path": r"\\.\Example\A", "argument": None, "asked": 5, "ok": True,
        "error": 0, "moved": 5, "data": None,
    }  # fmt: skip
    return Operation(id=step, actor=actor, t0=t0, t1=t1, **(fields | more))


def printed(seq: int, t: float, text: str, **extras: Any) -> LogEntry:
    return LogEntry(seq, t, extras.pop("kind", "print"), 0, text, "s", extras)


def leave(directory: Path, operations: list[Operation], entries: list[LogEntry], **result: Any) -> Path:
    """A directory as a run leaves it."""
    directory.mkdir(exist_ok=True)
    standard = {"v": 1, "scenario": "s", "cause": "failed", "reason": "", "failures": [], "details": [], "began": 1e9}
    (directory / "result.json").write_text(json.dumps(standard | result))
    (directory / "history.jsonl").write_text("".join(each.to_json() + "\n" for each in operations))
    (directory / "kd.jsonl").write_text("".join(each.to_json() + "\n" for each in entries))
    (directory / "scenario.yaml").write_text("lab: 1\nsteps:\n  - writer: {write: hello}\n")
    return directory
