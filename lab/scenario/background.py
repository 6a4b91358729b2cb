"""Traffic that runs in the guest while a test does something else."""

from __future__ import annotations

import io
import textwrap
import threading
from dataclasses import replace

from lab.config import Config
from lab.document import FileError
from lab.errors import GuestLostError, HungError, InfrastructureError, LabError
from lab.scenario.load import parse_scenarios
from lab.scenario.model import Scenario
from lab.scenario.observed import Recorder
from lab.scenario.render import guest_files, render
from lab.scenario.running import RunningGuest, RunningLab
from lab.traffic.events import Op

GRACE = 3.0
_PREAMBLE = "lab: 1\nisolation: none\nsteps:\n"


def parse_traffic(steps: str, config: Config, name: str) -> Scenario:
    """A scenario's `steps:` alone, as a test writes them. Whatever driver is loaded stays.

    Raises FileError (a UsageError) with every mistake.
    """
    body = textwrap.indent(textwrap.dedent(steps), "  ")
    try:
        return parse_scenarios(f"{_PREAMBLE}{body}\n", name, config)[0]
    except FileError as error:
        before = _PREAMBLE.count("\n")
        raise FileError(replace(each, line=max(each.line - before, 1)) for each in error.problems) from None


class Background:
    """A script that is being performed in the guest, by a connection of its own. Ended at its timeout at the latest."""

    def __init__(self, lab: RunningLab, guest: RunningGuest, scenario: Scenario) -> None:
        self._scenario = scenario
        self._guest = guest
        self._recorder = Recorder(io.StringIO())
        self._error: LabError | None = None
        ensure = {"driver": lab.ensure_driver, "program": lab.ensure_program}
        paths = {file: ensure[file.kind](file.name) for file in guest_files(scenario)}
        self._traffic = lab.ensure_traffic()
        self._script = render(scenario, paths, markers=True)
        self._thread = threading.Thread(target=self._run, name=f"traffic {scenario.id}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> None:
        """Return when it has ended by itself, at its timeout at the latest."""
        self._thread.join(self._scenario.timeout + 2 * GRACE)

    def wait(self, timeout: float) -> list[Op]:
        """The operations in the order of the steps, when all are done.

        Raises HungError after `timeout` seconds, or when a step ran out of time; GuestLostError.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            pending = "; ".join(self._recorder.observed.pending(self._scenario))
            raise HungError(f"the traffic was not done in {timeout:g} s: {pending}")
        if self._error:
            raise self._error
        seen = self._recorder.observed
        if seen.timeout:
            raise HungError(f"the traffic ran out of time: {'; '.join(seen.pending(self._scenario))}")
        if seen.faults:
            raise InfrastructureError(f"the traffic program failed: {seen.faults[0].what}")
        return [seen.ops[step.id] for step in self._scenario.steps if step.id in seen.ops]

    def _run(self) -> None:
        path = rf"C:\lab\run\{threading.get_ident()}.traffic"
        try:
            self._guest.put(self._script.encode(), path)
            self._guest.stream([self._traffic, "run", path], self._recorder.line, self._scenario.timeout + GRACE)
        except LabError as error:
            self._error = error
        except Exception as error:
            self._error = GuestLostError(f"the traffic broke off: {error!r}")
