"""Cuts a failing case down, with the guest as the judge.

Hypothesis could do so, but it wants the answer to one case before it thinks of the next, and asking a guest for one
case takes nearly as long as asking for twenty. So many are asked for at once, and what could be left out alone is
tried to be left out together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from itertools import chain, islice
from operator import or_

from lab.explore.case import Case
from lab.explore.edits import Edit, edits, size

AT_ONCE = 30
"""Cases to ask for."""

Ask = Callable[[Sequence[Case]], Sequence[bool | None]]
"""Which of the cases fail; None, or nothing, for those at the end that were not come to."""


def shrink(case: Case, ask: Ask, fingerprint: Callable[[Case], str], deadline: float) -> Case:
    """The smallest case found within about `deadline` seconds that fails as `case` does.

    Cases with one fingerprint are the same to the guest.
    """
    return _Shrinking(case, ask, fingerprint, time.monotonic() + deadline).smallest()


class _Shrinking:
    def __init__(self, case: Case, ask: Ask, fingerprint: Callable[[Case], str], end: float) -> None:
        self._case = case
        self._ask = ask
        self._fingerprint = fingerprint
        self._end = end
        self._known = {fingerprint(case): True, fingerprint(Case(())): False}

    def smallest(self) -> Case:
        bold: list[Case] = []
        while time.monotonic() < self._end:
            self._tidy()
            made = chain(
                ((None, case) for case in bold), ((edit, edit.apply(self._case)) for edit in edits(self._case))
            )
            asked = list(islice(self._unknown(made), AT_ONCE))
            if not asked:
                break
            answers = self._ask([case for _, case in asked])
            failing = []
            for (edit, case), fails in zip(asked, answers, strict=False):
                if fails is not None:
                    self._known[self._fingerprint(case)] = fails
                if fails:
                    failing.append((edit, case))
            bold = _joined([edit for edit, _ in failing if edit], self._case)
            self._case = min((self._case, *(case for _, case in failing)), key=size)
        return self._case

    def _tidy(self) -> None:
        """Do without what makes no difference to the guest."""
        while True:
            for edit in edits(self._case):
                case = edit.apply(self._case)
                if size(case) < size(self._case) and self._known.get(self._fingerprint(case)):
                    self._case = case
                    break
            else:
                return

    def _unknown(self, made: Iterable[tuple[Edit | None, Case]]) -> Iterator[tuple[Edit | None, Case]]:
        """What nobody has asked for yet, and is smaller, each once."""
        found = set()
        for edit, case in made:
            key = self._fingerprint(case)
            if key not in self._known and key not in found and size(case) < size(self._case):
                found.add(key)
                yield edit, case


def _joined(found: Sequence[Edit], case: Case) -> list[Case]:
    """What comes of several edits at once, where each alone was good."""
    if len(found) < 2:
        return []
    middle = len(found) // 2
    halves = [part for part in (found[:middle], found[middle:]) if len(part) > 1]
    return [reduce(or_, part).apply(case) for part in (found, *halves)]
