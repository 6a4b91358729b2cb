"""A scenario's part of the kd log."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.document import printable
from lab.scenario.model import belongs

MAX_LINE = 400


@dataclass
class KdSlice:
    """The entries between two moments, each as its line in the file and its fields."""

    raw: list[str] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that was printed, byte for byte as latin-1; without the traffic program's markers."""
        return "".join(str(entry["text"]) for entry in self.entries if is_print(entry))

    def caused_by(self, step: str | None, actors: frozenset[str]) -> KdSlice:
        """What was printed in the step, for one of the actors; None and empty: in any, for anybody."""
        return self._where(
            lambda entry: (
                (step is None or belongs(str(entry.get("step", "")), step))
                and (not actors or entry.get("actor") in actors)
            )
        )

    def without(self, step: str) -> KdSlice:
        """What was printed in any other step, or in none."""
        return self._where(lambda entry: not belongs(str(entry.get("step", "")), step))

    def _where(self, is_wanted: Callable[[dict[str, Any]], bool]) -> KdSlice:
        part = KdSlice()
        for raw, entry in zip(self.raw, self.entries, strict=True):
            if is_wanted(entry):
                part.raw.append(raw)
                part.entries.append(entry)
        return part

    @property
    def lines(self) -> list[str]:
        """For people: one line each, bounded, unprintable characters escaped; other entries in brackets.

        Where prints of another step or actor begin, a line in brackets says so.
        """
        result: list[str] = []
        rest = ""
        origin = ""
        for entry in self.entries:
            text = str(entry["text"])
            if is_print(entry):
                if not rest and _origin(entry) != origin:
                    origin = _origin(entry)
                    result.append(f"[{printable(origin or 'no step', MAX_LINE)}]")
                *whole, rest = (rest + text).split("\n")
                result.extend(printable(line, MAX_LINE) for line in whole)
            elif entry["kind"] not in ("marker", "print"):
                result.append(f"[{entry['kind']}] {printable(text.strip(), MAX_LINE)}")
        if rest:
            result.append(printable(rest, MAX_LINE))
        return result

    def since_load(self, file: str) -> KdSlice:
        """Without what the unloading of an older driver printed: from the first load of the driver `file` on.

        The whole slice when the debugger saw no such load.
        """
        for i, entry in enumerate(self.entries):
            if entry["kind"] == "module" and not entry.get("unload") and file in f"{entry.get('name')} {entry['text']}":
                return KdSlice(self.raw[i:], self.entries[i:])
        return self


def is_print(entry: dict[str, Any]) -> bool:
    """Printed by the driver, or a program; not one of the traffic program's markers."""
    return entry["kind"] == "print" and "marker" not in entry


def _origin(entry: dict[str, Any]) -> str:
    """`step 3, writer`, or what of that is known."""
    parts = [f"step {entry['step']}"] if "step" in entry else []
    parts += [str(entry["actor"])] if "actor" in entry else []
    return ", ".join(parts)


def log_end(path: Path) -> int:
    """Size of the kd log in bytes: where the next slice begins."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def read_slice(path: Path, start: int) -> KdSlice:
    """Complete entries of the kd log from byte `start` on; lines that are no entries are left out."""
    part = KdSlice()
    try:
        with path.open("rb") as stream:
            stream.seek(start)
            content = stream.read()
    except FileNotFoundError:
        return part
    for raw in content.decode("utf-8", "replace").split("\n")[:-1]:
        try:
            entry = json.loads(raw)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("text"), str) and "kind" in entry:
            part.raw.append(raw)
            part.entries.append(entry)
    return part
