"""Is a guest that does not get on stuck, slow, or busy with nothing? What it did in its last seconds, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lab.document import printable

WINDOW = 5.0
"""Seconds before the end that are looked at."""
ALIVE = 2.5
"""A guest that did something in its last so many seconds still gets on."""
BUSY = 0.5
"""Share of a processor from which on a guest computes; one that is idle uses a few hundredths."""
MANY_BYTES = 1 << 20
REPEATED = 20
"""Prints of one kind, and nearly nothing else, that make an endless repetition."""
MOSTLY = 0.9
PRINTS_OF_AN_OPERATION = 10
"""As many of a kind may come of each operation that returns without being a repetition."""
MAX_LINE = 80
_NUMBER = re.compile(r"(?:0x)?[0-9A-Fa-f]*[0-9][0-9A-Fa-f]*")


@dataclass(frozen=True)
class Beat:
    """One look at the guest."""

    t: float
    """Seconds, monotonic."""
    cpu: float
    """Seconds that its processors have worked."""
    disk: float
    """Bytes that it has read and written."""
    operations: int
    """Results that the traffic program has told."""
    waited: float = 0.0
    """Seconds that it could not work because the host was busy with something else."""


@dataclass(frozen=True)
class Liveness:
    """How a guest was at the end. `kind`: stuck, slow, repeating, computing."""

    kind: str
    words: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.words}"


def liveness(beats: Sequence[Beat], prints: Sequence[tuple[float, str]], now: float) -> Liveness:
    """`prints` are texts with the seconds before `now` at which they came, `beats` in order of time."""
    last = beats[-1] if beats else Beat(now, 0, 0, 0)
    first = _beat_before(beats, now - WINDOW) or last
    seconds = max(last.t - first.t, 0.001)
    # Of the time in which the host let it: one that computes on a busy host gets little.
    share = (last.cpu - first.cpu) / max(seconds - (last.waited - first.waited), last.cpu - first.cpu, 0.001)
    recent = [text for age, text in prints if age <= WINDOW]
    done = last.operations - first.operations
    facts = _facts(seconds, share, last.disk - first.disk, len(recent), done)
    lately = _beat_before(beats, now - ALIVE) or last
    alive = last.operations > lately.operations or any(age <= ALIVE for age, _ in prints)
    repeated = _repeated(recent)
    if repeated and len(recent) > PRINTS_OF_AN_OPERATION * done:
        return Liveness("repeating", f"one print comes without end, {len(recent)} times: {repeated!r}; {facts}")
    if alive:
        return Liveness("slow", f"it still gets on; {facts}")
    if share >= BUSY or last.disk - first.disk >= MANY_BYTES:
        return Liveness("computing", f"it is busy, but nothing comes of it; {facts}")
    return Liveness("stuck", f"nothing happens any more; {facts}")


def _beat_before(beats: Sequence[Beat], t: float) -> Beat | None:
    """The newest that is not after `t`; the first if all are."""
    return next((each for each in reversed(beats) if each.t <= t), beats[0] if beats else None)


def _facts(seconds: float, share: float, disk: float, prints: int, done: int) -> str:
    return (
        f"in the last {seconds:.0f} s {done} operations and {prints} prints, "
        f"processor {min(share, 9.99):.0%} busy, disk {max(disk, 0) / 1024:.0f} KiB"
    )


def _repeated(texts: Sequence[str]) -> str:
    """The print that is nearly all there is, numbers aside; empty when there is none."""
    if len(texts) < REPEATED:
        return ""
    kinds = Counter(_NUMBER.sub("#", text) for text in texts)
    kind, count = kinds.most_common(1)[0]
    if count < MOSTLY * len(texts):
        return ""
    return printable(next(text for text in texts if _NUMBER.sub("#", text) == kind).strip(), MAX_LINE)
