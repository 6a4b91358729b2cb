"""What the kernel debugger does by itself: the section `debugger:` of `lab.yaml` and of scenarios."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.document import Document, Location, Problem, printable
from lab.errors import UsageError

FAIL = "fail"
"""In place of an answer: the scenario fails when the target asks this."""
IGNORE = "i"
"""What a target is answered that must not ask; it would wait for ever otherwise."""
_STOPS = ("breakpoint", "exception", "bugcheck")


@dataclass(frozen=True)
class Prompt:
    """What to answer to a prompt that the regular expression is found in."""

    match: str
    answer: str


@dataclass(frozen=True)
class Debugger:
    """How the debugger treats a target that asks, stops or wants a file."""

    prompts: tuple[Prompt, ...] = ()
    """The first that fits counts; a prompt that none fits is answered `i`."""
    stops: Mapping[str, str] = field(default_factory=dict)
    """`continue` or `hold` by kind of stop; what is not named continues."""
    serve: Mapping[str, Path] = field(default_factory=dict)
    """Files of this host that the target gets in place of its own, by their path in the guest."""

    def over(self, base: Debugger) -> Debugger:
        """These settings where there are some, those of `base` elsewhere; own prompts are looked at first."""
        return Debugger((*self.prompts, *base.prompts), {**base.stops, **self.stops}, {**base.serve, **self.serve})

    def policy(self) -> dict[str, Any]:
        """As JSON of `lab.kd.policy.Policy`."""
        prompts = [[each.match, IGNORE if each.answer == FAIL else each.answer] for each in self.prompts]
        return {"prompts": prompts, **{kind.replace("-", "_"): reaction for kind, reaction in self.stops.items()}}

    def files(self) -> dict[str, str]:
        """What is served, as JSON. Raises UsageError for a file that is not there."""
        for guest, file in self.serve.items():
            if not file.is_file():
                raise UsageError(f"debugger: serve: {guest}: {file} does not exist", "build it, or take it out")
        return {guest: str(file) for guest, file in self.serve.items()}

    def forbidden(self, prompt: str) -> Prompt | None:
        """The rule by which a scenario fails when its target asks this."""
        for each in self.prompts:
            if re.search(each.match, prompt):
                return each if each.answer == FAIL else None
        return None


def read_debugger(document: Document, root: Path, problems: list[Problem]) -> Debugger:
    """The document's `debugger:` section, whose structure is right; files are relative to `root`."""
    section = document.data.get("debugger", {})
    prompts = []
    for i, prompt in enumerate(section.get("prompts", [])):
        where: Location = ("debugger", "prompts", i, "match")
        try:
            re.compile(prompt["match"])
        except re.error as error:
            what = f"is no regular expression: {printable(str(error))}"
            problems.append(document.problem(where, what, "put a backslash before each special character"))
        else:
            prompts.append(Prompt(prompt["match"], prompt["answer"]))
    stops = section.get("stops", {})
    if isinstance(stops, str):
        stops = dict.fromkeys(_STOPS, stops)
    files = {guest: (root / file).resolve() for guest, file in section.get("serve", {}).items()}
    return Debugger(tuple(prompts), stops, files)
