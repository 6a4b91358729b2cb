"""What the client does by itself when the target stops or asks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Reaction(Enum):
    """What happens to a target that stopped without being asked."""

    CONTINUE = "continue"
    HOLD = "hold"
    """Stay stopped until `resume`."""


@dataclass(frozen=True)
class Policy:
    """Reactions to stops that nobody asked for, and answers to prompts. Everything is logged in any case."""

    breakpoint: Reaction = Reaction.CONTINUE
    """A breakpoint compiled into code, or a single step."""
    exception: Reaction = Reaction.CONTINUE
    """Any other exception; continued as not handled, so that the kernel deals with it."""
    bugcheck: Reaction = Reaction.CONTINUE
    """The stop after a bugcheck's text; continued so that the kernel can write its dump."""
    bugcheck_stops: int = 3
    """Held at last when one bugcheck stops so many times: some kernels do so without end."""
    prompts: tuple[tuple[str, str], ...] = ()
    """Regular expression to search in the prompt, and the answer; the first that fits counts."""
    default_answer: str = "i"
    """Answer to other prompts: "ignore", for assertions."""

    def answer(self, prompt: str) -> str:
        """What to answer to a prompt."""
        for pattern, answer in self.prompts:
            if re.search(pattern, prompt):
                return answer
        return self.default_answer
