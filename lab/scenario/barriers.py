"""How the lanes of a block wait for each other: which operations can only go on together."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from lab.scenario.model import Block, Step


@dataclass(frozen=True)
class Round:
    """What the lanes do between two meetings, each for itself, and who then meets whom."""

    apart: dict[str, tuple[Step, ...]]
    """By actor, in order; without the barrier."""
    barrier: str
    """Where the actors of `together` meet next; empty: the block is over."""
    together: tuple[str, ...]


class Deadlock(Exception):  # noqa: N818  (a finding about a file, not a fault)
    """Every lane that is not done waits at a barrier that another one does not come to."""

    def __init__(self, waiting: dict[str, str]) -> None:
        super().__init__(", ".join(f"{actor} at '{barrier}'" for actor, barrier in waiting.items()))


def rounds(block: Block) -> Iterator[Round]:
    """The rounds of a block in an order that they can come in. Raises Deadlock where there is none."""
    left: dict[str, deque[Step]] = defaultdict(deque)
    for step in block.steps:
        left[step.actor].append(step)
    needed = {str(step.args[0]): int(str(step.args[1])) for step in block.steps if step.op == "barrier"}
    while True:
        apart = {actor: tuple(_until_barrier(steps)) for actor, steps in left.items()}
        waiting = {actor: str(steps[0].args[0]) for actor, steps in left.items() if steps}
        met = next((name for name, count in Counter(waiting.values()).items() if count == needed[name]), "")
        if waiting and not met:
            raise Deadlock(waiting)
        together = tuple(actor for actor, name in waiting.items() if name == met)
        yield Round({actor: steps for actor, steps in apart.items() if steps}, met, together)
        if not waiting:
            return
        for actor in together:
            left[actor].popleft()


def _until_barrier(steps: deque[Step]) -> Iterator[Step]:
    """Takes the steps before the next barrier out of the list."""
    while steps and steps[0].op != "barrier":
        yield steps.popleft()
