"""Which entries of a kd log somebody wants to see."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.errors import UsageError
from lab.kd.levels import level_number
from lab.kd.module_filter import ModuleFilter

_KINDS = ("print", "raw", "prompt", "module", "stop", "bugcheck", "resync", "marker", "note")
_PLAIN = re.compile(r"[A-Za-z0-9 _:,;=@#%!~-]+")
"""Text that is the same in a regular expression, in JSON and as it is."""
_GRAVE = frozenset(("stop", "bugcheck", "prompt"))
"""Kinds that stay, whatever level of prints is asked for."""

Fields = dict[str, Any]


@dataclass(frozen=True)
class Selection:
    """What to show; None means anything."""

    scenario: str | None = None
    """Part of the scenario's name."""
    pattern: re.Pattern[str] | None = None
    """To be found in the text."""
    kinds: Sequence[str] | None = None
    module: str | None = None
    level: int | None = None
    """Prints at this level or a graver one, and what stopped the target; other entries have no level and go."""
    step: str | None = None
    """A step, or one that contains others."""
    actor: str | None = None
    """An actor, or the name of a group of them."""
    markers: bool = False
    """Show the traffic program's announcements among the prints."""

    @classmethod
    def of(
        cls,
        *,
        scenario: str | None,
        grep: str | None,
        kinds: Sequence[str] | None,
        module: str | None,
        level: str | None,
        step: str | None,
        actor: str | None,
        markers: bool,
    ) -> Selection:
        """From words of the command line. Raises UsageError."""
        for kind in kinds or ():
            if kind not in _KINDS:
                raise UsageError(f"no entry is of kind {kind!r}", f"one of {', '.join(_KINDS)}")
        try:
            pattern = re.compile(grep) if grep else None
        except re.error as error:
            what = f"--grep {grep!r} is no regular expression: {error}"
            raise UsageError(what, "quote special characters: \\.") from None
        number = None if level is None else level_number(level)
        return cls(scenario, pattern, kinds, module, number, step, actor, markers)

    @property
    def is_stateless(self) -> bool:
        """Whether an entry fits can be told from itself alone."""
        return self.module is None

    @property
    def needles(self) -> list[bytes]:
        """Bytes that the line of a fitting entry contains: looking for them is faster than reading the line."""
        if self.module is not None:
            return []  # Every loading of a module counts.
        texts = [self.scenario, self.pattern.pattern if self.pattern else None, self.actor]
        needles = [text.encode() for text in texts if text and _PLAIN.fullmatch(text)]
        if self.kinds is not None and len(self.kinds) == 1:
            needles.append(f'"{self.kinds[0]}"'.encode())
        if self.step is not None:
            needles.append(b'"step"')
        return needles

    def hides(self, fields: Fields) -> bool:
        """Is the entry nobody's business, not even as something that stands around others?"""
        return not self.markers and "marker" in fields

    def matcher(self) -> Callable[[Fields], bool]:
        """Decides entry by entry, in the order of the log."""
        tests: list[Callable[[Fields], Any]] = []
        if self.module is not None:
            tests.append(ModuleFilter(self.module).fits)
        if (kinds := self.kinds) is not None:
            tests.append(lambda fields: fields["kind"] in kinds)
        if scenario := self.scenario:
            tests.append(lambda fields: scenario in (fields["scenario"] or ""))
        if (level := self.level) is not None:
            tests.append(lambda fields: _is_as_grave(fields, level))
        if (step := self.step) is not None:
            inside = re.compile(re.escape(step) + r"([.#@].*)?")
            tests.append(lambda fields: inside.fullmatch(_text(fields, "step")))
        if (actor := self.actor) is not None:
            member = re.compile(re.escape(actor) + r"\d*")
            tests.append(lambda fields: member.fullmatch(_text(fields, "actor")))
        if (pattern := self.pattern) is not None:
            tests.append(lambda fields: pattern.search(fields["text"]))
        return lambda fields: all(test(fields) for test in tests)


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _is_as_grave(fields: Fields, level: int) -> bool:
    own = fields.get("level")
    return fields["kind"] in _GRAVE or (isinstance(own, int) and own <= level)
