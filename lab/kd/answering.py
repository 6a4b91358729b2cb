"""Dealing with stops that nobody keeps: the dialogue with the target, and what is remembered for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.kd.answer import Outcome, Stop, answer, stands_on_int3
from lab.kd.bugcheck import Bugcheck
from lab.kd.dialogue import Dialogue
from lab.kd.events import InspectionEvent, KdEvent
from lab.kd.inspection import Inspection
from lab.kd.knowledge import Knowledge
from lab.kd.link import Link
from lab.kd.policy import Policy, Reaction
from lab.kd.request_queue import RequestQueue
from lab.kd.state_change import ExceptionChange, Machine, StateChange
from lab.kd.stop_reason import StopReasons


class Answering:
    """At most one stop is being answered."""

    def __init__(self, link: Link, queue: RequestQueue, policy: Policy, emit: Callable[[KdEvent], None]) -> None:
        self.policy = policy
        self.reasons = StopReasons()
        self.knowledge = Knowledge()
        self.leftovers: frozenset[int] = frozenset()
        """Breakpoints that nobody owns any more: they are cleared at the next stop."""
        self._link = link
        self._emit = emit
        self._dialogue: Dialogue[Outcome] = Dialogue(queue)

    def reason(self, change: ExceptionChange, *, asked: bool) -> tuple[str, Reaction]:
        """Why it stopped, and what the policy says. `asked`: a break-in is not answered yet."""
        own = stands_on_int3(change, self.knowledge)
        return self.reasons.of(change, asked, self.policy, own_int3=own)

    def begin(
        self,
        change: StateChange,
        finished: Callable[[Outcome], None],
        now: float,
        reaction: Reaction = Reaction.CONTINUE,
        *,
        unexpected: bool = False,
    ) -> None:
        """Ask what has to be asked; `finished` gets what is to be done. With `unexpected` look into the stop."""

        def done(outcome: Outcome) -> None:
            if outcome.message is not None:
                self.leftovers = frozenset()
            finished(outcome)

        stop = Stop(
            change=change,
            knowledge=self.knowledge,
            link=self._link,
            policy=self.policy,
            reaction=reaction,
            unexpected=unexpected,
            leftovers=self.leftovers,
            collected=lambda inspection: self._collected(change, inspection),
            died=lambda bugcheck: self._died(change, bugcheck),
        )
        self._dialogue.begin(answer(stop), done, now)

    def end(self, now: float) -> None:
        """Whatever is under way is void."""
        self._dialogue.end(now)

    def forget(self) -> None:
        """The target restarted."""
        self.reasons.forget()
        self.knowledge = Knowledge()
        self.leftovers = frozenset()

    def to_json(self) -> dict[str, Any]:
        """Part of the link's state in a snapshot."""
        machine = self.knowledge.told
        return {"machine": machine.value if machine else None, "reasons": self.reasons.to_json()}

    def restore(self, data: dict[str, Any]) -> None:
        """Go back to what `to_json` gave."""
        self.knowledge = Knowledge(Machine(data["machine"]) if data.get("machine") else None)
        self.reasons.restore(data.get("reasons", {}))

    def _collected(self, change: StateChange, inspection: Inspection) -> None:
        if not inspection.empty:
            self._emit(
                InspectionEvent(
                    processor=change.processor, program_counter=change.program_counter, inspection=inspection
                )
            )

    def _died(self, change: StateChange, bugcheck: Bugcheck) -> bool:
        """The stop is a bugcheck's, as the kernel's memory says; is that news?"""
        assert isinstance(change, ExceptionChange)  # noqa: S101
        news = not self.reasons.knows_bugcheck
        for event in self.reasons.found(bugcheck, change):
            self._emit(event)
        return news
