"""A sequence of scenarios on one lab: brought up when first needed, put right after each bad ending."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lab.document import printable
from lab.errors import Cause, LabError
from lab.report.run_files import finish_run
from lab.report.run_record import MAX_TEXT, SCENARIOS, Outcome, RunRecord
from lab.scenario.artifacts import new_run_directory
from lab.scenario.model import Scenario
from lab.scenario.run import own_mistake, run_scenario
from lab.scenario.running import RunningLab
from lab.scenario.verdict import Verdict

_NEEDS_RECOVERY = frozenset({Cause.CRASHED, Cause.HUNG, Cause.GUEST_LOST, Cause.INFRASTRUCTURE})


HELD_ADVICE = "look at it and let it go on: lab kd shell; or start anew: lab down; lab up"


class ScenarioSession:
    """Runs scenarios one after the other. After a guest that cannot be put right, the rest ends at once."""

    def __init__(self, bring_up: Callable[[], RunningLab], artifacts: Path, run: Path | None = None) -> None:
        """`run`: the directory of a run that others have a part in; else this session has one of its own."""
        self._bring_up = bring_up
        self.run_directory = run or new_run_directory(artifacts)
        self.lab: RunningLab | None = None
        self.bring_up_seconds = 0.0
        self.verdicts: list[Verdict] = []
        self._began = time.time()
        self._lost: tuple[Cause, str, list[str]] | None = None

    def run(self, scenario: Scenario) -> Verdict:
        """Run one scenario. Raises nothing but KeyboardInterrupt."""
        verdict = self._run(scenario)
        self.verdicts.append(verdict)
        return verdict

    @property
    def is_lost(self) -> bool:
        """Nothing runs here any more."""
        return self._lost is not None

    def finish(self, kind: str = SCENARIOS, seed: int | None = None) -> RunRecord | None:
        """Write what tells of the run as a whole into its directory; None when nothing was run.

        `seed` is what `seed: random` stood for, where that was said. Raises OSError.
        """
        lost = self.without_directory()
        return finish_run(self.run_directory, self._began, kind=kind, seed=seed, without_directory=lost)

    def without_directory(self) -> list[Outcome]:
        """What could not even begin."""
        return [_without_directory(each) for each in self.verdicts if each.artifacts is None]

    def _run(self, scenario: Scenario) -> Verdict:
        lab = self._connected()
        if lab is None or self._lost:
            cause, reason, details = self._lost or (Cause.INFRASTRUCTURE, "no lab", [])
            return Verdict(scenario, cause, reason, details=list(details))
        try:
            verdict = run_scenario(lab, scenario, self.run_directory)
        except KeyboardInterrupt:
            # The guest still works at the script: put it back, so that the next run does not meet it.
            with suppress(LabError):
                lab.recover(f"interrupted in {scenario.id}")
            raise
        if verdict.held:
            reason = f"the guest is held in the kernel debugger since {scenario.id}, as `stops: hold` wants it"
            self._lost = (Cause.GUEST_LOST, reason, [f"what to do: {HELD_ADVICE}"])
        elif verdict.cause in _NEEDS_RECOVERY or (scenario.crash and verdict.cause is not Cause.SKIPPED):
            self._recover(lab, verdict)
        return verdict

    def _connected(self) -> RunningLab | None:
        if self.lab is None and self._lost is None:
            start = time.monotonic()
            try:
                self.lab = self._bring_up()
            except LabError as error:
                details = [f"what to do: {error.advice}"] if error.advice else []
                self._lost = (error.cause, f"the lab did not come up: {error}", details)
            except Exception as error:
                self._lost = (Cause.INFRASTRUCTURE, f"the lab did not come up: {own_mistake(error)}", [])
            self.bring_up_seconds = time.monotonic() - start
        return self.lab

    def _recover(self, lab: RunningLab, verdict: Verdict) -> None:
        try:
            lab.recover(f"{verdict.cause.value} in {verdict.scenario.id}")
        except LabError as error:
            self._give_up(verdict, str(error), error.advice)
        except Exception as error:
            self._give_up(verdict, own_mistake(error), "")

    def _give_up(self, verdict: Verdict, why: str, advice: str) -> None:
        reason = f"the guest was lost in {verdict.scenario.id} and could not be put back: {why}"
        self._lost = (Cause.GUEST_LOST, reason, [f"what to do: {advice or 'lab down; lab up'}"])


def _without_directory(verdict: Verdict) -> Outcome:
    scenario = verdict.scenario
    return Outcome(
        scenario.id,
        verdict.cause.value,
        printable(verdict.reason, MAX_TEXT),
        driver=scenario.driver.name,
        seed=scenario.seed,
    )
