"""Who takes part in a scenario, and which handles each actor has at a point of the plan."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from lab.config import Config
from lab.document import Location, shown, suggestion
from lab.scenario.model import Actor, Argument, GuestFile
from lab.scenario.values import Report, Seeds, data
from lab.traffic.data import Pointer
from lab.traffic.script import MAX_INPUT

MAX_ACTORS = 64
CONDUCTOR = "conductor"
"""The lane of a parallel block whose steps no actor does."""

STEP_KINDS = ("parallel", "repeat", "service", "kill", "wait", "sleep")
STEP_OPTIONS = ("expect", "timeout", "name", "driver", "file")
RESERVED = frozenset((*STEP_KINDS, *STEP_OPTIONS, CONDUCTOR))

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


def misspelt_step(name: str) -> str | None:
    """The step kind that was probably meant by an actor's name that is declared nowhere."""
    near = difflib.get_close_matches(name, STEP_KINDS, n=1, cutoff=0.8)
    return near[0] if near and name not in RESERVED else None


class Cast:
    """The actors of one scenario: declared ones, groups, and those implied by use."""

    def __init__(self, declared: dict[str, Any], config: Config, report: Report, seed: int) -> None:
        self._config = config
        self._seed = seed
        self._report = report
        self._groups: dict[str, tuple[str, ...]] = {}
        self._known: dict[str, Actor] = {}
        self._used: dict[str, Actor] = {}
        self._ended: dict[str, int] = {}
        self._handles: dict[str, dict[str, _Handle]] = {}
        for name, settings in declared.items():
            self._declare(name, settings or {})

    @property
    def actors(self) -> tuple[Actor, ...]:
        """In the order of their first use."""
        return tuple(self._used.values())

    def _declare(self, name: str, settings: dict[str, Any]) -> None:
        where = ("actors", name)
        if name in RESERVED:
            self._report.add(where, "is a word of the language", "another name")
        program = self._program(settings, (*where, "program"))
        for key in ("args", "stdin", "env"):
            if key in settings and program is None:
                self._report.add((*where, key), "goes with program", f"add `program: NAME.exe`, or leave {key} out")
        actor = Actor(
            name,
            program,
            args=tuple(str(arg) for arg in settings.get("args", [])),
            variables={key: str(value) for key, value in settings.get("env", {}).items()},
            stdin=self._stdin(settings, (*where, "stdin")),
            user=settings.get("user"),
        )
        members = [f"{name}{i + 1}" for i in range(settings["count"])] if "count" in settings else [name]
        for member in members:
            if member in self._known:
                self._report.add(where, f"gives a second actor {shown(member)}", "names that do not meet")
            self._known[member] = replace(actor, name=member)
        self._groups[name] = tuple(members)

    def _stdin(self, settings: dict[str, Any], where: Location) -> bytes | None:
        if "stdin" not in settings:
            return None
        content = data(settings["stdin"], where, self._report, Seeds(self._seed))
        if isinstance(content, Pointer) or len(content) > MAX_INPUT:
            self._report.add(where, "cannot be given to a program", f"text, hex or fill of at most {MAX_INPUT} bytes")
            return b""
        return content.value

    def _program(self, settings: dict[str, Any], where: Location) -> Argument | None:
        name: str | None = settings.get("program")
        if name is None or "\\" in name:
            return name
        if name not in self._config.programs:
            right = suggestion(name, self._config.programs) if self._config.programs else "add it there"
            self._report.add(where, f"{shown(name)} is not among the programs of lab.yaml", right)
        return GuestFile("program", name)

    def members(self, name: str, where: Location) -> tuple[str, ...]:
        """The actors that `name` stands for; each of them takes part from now on."""
        if name not in self._groups and name not in self._known:
            self._imply(name, where)
        members = self._groups.get(name, (name,))
        for member in members:
            self._used.setdefault(member, self._known[member])
        return members

    def _imply(self, name: str, where: Location) -> None:
        if name in RESERVED or not _NAME.fullmatch(name):
            right = "up to 32 letters, digits, '-' and '_', a letter first, no word of the language"
            self._report.follow(where, f"{shown(name)} cannot be an actor", right)
        self._known[name] = Actor(name)

    def existing(self, name: str, where: Location) -> tuple[str, ...]:
        """Like `members`, of actors that have done something already."""
        members = self._groups.get(name, (name,))
        if all(member in self._used for member in members):
            return members
        right = suggestion(name, [*self._used, *self._groups])
        self._report.follow(where, f"{shown(name)} has done nothing so far", right)
        return ()

    def waited_for(self, name: str, where: Location) -> tuple[str, ...]:
        """Like `existing`, but a program may begin by being waited for."""
        declared = [self._known[member].program for member in self._groups.get(name, ())]
        return self.members(name, where) if declared and all(declared) else self.existing(name, where)

    def is_program(self, actor: str) -> bool:
        return self._known[actor].program is not None

    def can_be_typed_to(self, actor: str) -> bool:
        return self.is_program(actor) and self._known[actor].stdin is None

    def running(self) -> tuple[str, ...]:
        """Those that no step has ended, in the order of their first use."""
        return tuple(actor for actor in self._used if actor not in self._ended)

    def check_alive(self, actor: str, where: Location) -> None:
        if actor in self._ended:
            what = f"{shown(actor)} has ended in line {self._ended[actor]}"
            self._report.follow(where, what, "another actor")

    def end(self, actors: Iterable[str], where: Location) -> None:
        """These processes are gone from here on."""
        for actor in actors:
            self._ended[actor] = self._report.line(where)

    def open(self, actor: str, handle: str, path: str, where: Location, *, certain: bool | None) -> None:
        """A handle is opened: surely (True), surely not (False), or perhaps (None)."""
        handles = self._handles.setdefault(actor, {})
        old = handles.get(handle)
        if old is not None and old.is_open:
            what = f"handle {shown(handle)} of {shown(actor)} is open since line {old.line}"
            self._report.follow(where, what, "close it first, or name another with `as: h2`")
        handles[handle] = _Handle(path, self._report.line(where), certain)

    def close(self, actor: str, handle: str, where: Location) -> None:
        self.path(actor, handle, where)
        old = self._handles.get(actor, {}).get(handle)
        if old is not None:
            self._handles[actor][handle] = _Handle(old.path, self._report.line(where), False)

    def path(self, actor: str, handle: str, where: Location) -> str:
        """What an open handle was opened with."""
        found = self._handles.get(actor, {}).get(handle)
        if found is None:
            self._tell_unopened(actor, handle, where)
            return ""
        if found.is_open is False:
            what = f"handle {shown(handle)} of {shown(actor)} is not open (see line {found.line})"
            self._report.follow(where, what, "open it first")
        return found.path

    def _tell_unopened(self, actor: str, handle: str, where: Location) -> None:
        others = [name for name in self._handles if self._handles[name]]
        near = difflib.get_close_matches(actor, others, n=1, cutoff=0.6)
        if actor not in self._handles and near:
            right = f"did you mean the actor '{near[0]}'? Else open it first"
        elif self._handles.get(actor):
            right = f"{suggestion(handle, self._handles[actor])}, or open it first"
        else:
            right = f"`- {actor}: {{open: NAME}}` before this"
        self._report.follow(where, f"{shown(actor)} has not opened a handle {shown(handle)}", right)

    def check_used(self) -> None:
        """At the end of the plan: every declared actor did something, and there are not too many."""
        for name, members in self._groups.items():
            if not any(member in self._used for member in members):
                self._report.follow(("actors", name), "does nothing in any step", "use it, or leave it out")
        if len(self._used) > MAX_ACTORS:
            self._report.follow(("actors",), f"{len(self._used)} actors take part", f"at most {MAX_ACTORS}")


class _Handle:
    def __init__(self, path: str, line: int, is_open: bool | None) -> None:
        self.path = path
        self.line = line
        self.is_open = is_open
