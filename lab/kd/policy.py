"""What the client does by itself when the target stops or asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from lab.errors import UsageError

MAX_STACK = 8192
MAX_CODE = 1024
_ANSWER_LIMIT = 64


class Reaction(Enum):
    """What happens to a target that stopped without being asked."""

    CONTINUE = "continue"
    HOLD = "hold"
    """Stay stopped until `resume`: a human will look."""


@dataclass(frozen=True)
class Policy:
    """Reactions to stops that nobody asked for, and answers to prompts. Everything is logged in any case.

    As JSON it is an object with these names as keys, reactions as their values, `prompts` as pairs; what is left
    out has its default.
    """

    breakpoint: Reaction = Reaction.CONTINUE
    """A breakpoint compiled into code, or a single step."""
    exception: Reaction = Reaction.CONTINUE
    """Any other exception; continued as not handled, so that the kernel deals with it."""
    user_exception: Reaction = Reaction.CONTINUE
    """First-chance exceptions of programs, breakpoints too; continued as not handled, so that the program gets them."""
    bugcheck: Reaction = Reaction.CONTINUE
    """The stop after a bugcheck; continued so that the kernel can write its dump."""
    bugcheck_stops: int = 3
    """Held at last when one bugcheck stops so many times: some kernels do so without end."""
    collect: bool = True
    """Read registers, stack and code at an unexpected stop and at a bugcheck, once for each place."""
    stack_bytes: int = 512
    """How much of the stack is read, from the stack pointer up."""
    code_bytes: int = 64
    """How much memory around the program counter is read, half of it before."""
    prompts: tuple[tuple[str, str], ...] = ()
    """Regular expression to search in the prompt, and the answer; the first that fits counts."""
    default_answer: str = "i"
    """Answer to other prompts: "ignore", for assertions."""
    fail_on_prompt: bool = False
    """Other prompts are failures: they get the default answer all the same, and their log entry says `failed`."""

    def answer(self, prompt: str) -> tuple[str, bool]:
        """What to answer to a prompt, and whether it counts as a failure."""
        for pattern, answer in self.prompts:
            if re.search(pattern, prompt):
                return answer, False
        return self.default_answer, self.fail_on_prompt

    def to_json(self) -> dict[str, Any]:
        """For `json.dump`."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: _plain(value) for name, value in values.items()}

    @classmethod
    def from_json(cls, data: object) -> Policy:
        """Raises UsageError, naming the key, for what is no policy."""
        if not isinstance(data, dict):
            raise UsageError("a debugger policy is an object", f"its keys are {_names()}")
        for name in data:
            if name not in {each.name for each in fields(cls)}:
                raise UsageError(f"a debugger policy has no {name!r}", f"its keys are {_names()}")
        values: dict[str, Any] = {name: _READERS[name](name, value) for name, value in data.items()}
        return cls(**values)


def _names() -> str:
    return ", ".join(each.name for each in fields(Policy))


def _plain(value: object) -> object:
    if isinstance(value, Reaction):
        return value.value
    return [list(pair) for pair in value] if isinstance(value, tuple) else value


def _reaction(name: str, value: object) -> Reaction:
    for each in Reaction:
        if value == each.value:
            return each
    raise UsageError(f"{name} cannot be {value!r}", "say continue or hold")


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise UsageError(f"{name} cannot be {value!r}", "say true or false")


def _number(name: str, value: object) -> int:
    low, high = {"bugcheck_stops": (1, 1000), "stack_bytes": (0, MAX_STACK), "code_bytes": (0, MAX_CODE)}[name]
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    raise UsageError(f"{name} cannot be {value!r}", f"say a number from {low} to {high}")


def _answer(name: str, value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= _ANSWER_LIMIT and value.isascii() and value.isprintable():
        return value
    raise UsageError(f"{name} cannot be {value!r}", 'say what to type, like "i" (ignore) or "b" (break)')


def _prompts(name: str, value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list | tuple):
        raise UsageError(f"{name} cannot be {value!r}", "say a list of pairs: regular expression, answer")
    pairs = []
    for pair in value:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise UsageError(f"{name} cannot have {pair!r}", "say a pair: regular expression, answer")
        try:
            re.compile(pair[0])
        except re.error as error:
            raise UsageError(f"{name}: {pair[0]!r} is no regular expression: {error}", "correct it") from error
        pairs.append((pair[0], _answer(name, pair[1])))
    return tuple(pairs)


_READERS: dict[str, Callable[[str, object], object]] = {
    "breakpoint": _reaction,
    "exception": _reaction,
    "user_exception": _reaction,
    "bugcheck": _reaction,
    "bugcheck_stops": _number,
    "collect": _flag,
    "stack_bytes": _number,
    "code_bytes": _number,
    "prompts": _prompts,
    "default_answer": _answer,
    "fail_on_prompt": _flag,
}
