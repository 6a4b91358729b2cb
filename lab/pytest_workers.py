"""`pytest scenarios -n 4`: pytest-xdist's workers have a VM each, and write into one run, which is made whole here."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab.errors import Cause, LabError, UsageError

if TYPE_CHECKING:
    from lab.config import Config
    from lab.machine.budget import Budget
    from lab.report.run_record import Outcome, RunRecord
    from lab.scenario.running import RunningLab
    from lab.scenario.session import ScenarioSession
    from lab.worker_vm import WorkerVm

RUN = "lab_run"
LEFT = "lab_left"
MAX_BAD = 30
MAX_TEXT = 300
_VMS = pytest.StashKey[list["WorkerVm"]]()


def configure(config: pytest.Config) -> None:
    """In a worker: nothing yet. In the process that the workers belong to: watch over them."""
    config.stash[_VMS] = []
    if config.pluginmanager.hasplugin("xdist") and not is_worker(config):
        config.pluginmanager.register(Workers(config), "lab-workers")


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of several that run tests."""
    return hasattr(config, "workerinput")


def run_of(config: pytest.Config, artifacts: Path) -> Path | None:
    """The run's directory that the workers share; None when this process is none of them."""
    told: dict[str, Any] | None = getattr(config, "workerinput", None)
    return artifacts / str(told[RUN]) if told else None


def bring_up(config: pytest.Config, lab_config: Config) -> RunningLab:
    """In a worker: a VM of its own. Raises LabError."""
    from lab.worker_vm import WorkerVm

    vm = WorkerVm(lab_config)
    config.stash[_VMS].append(vm)
    return vm.bring_up()


def hand_over(config: pytest.Config, sessions: Iterable[ScenarioSession]) -> None:
    """In a worker, at its end: tell what left no directory, and end its VMs."""
    config.workeroutput[LEFT] = {  # type: ignore[attr-defined]
        str(each.run_directory): [asdict(outcome) for outcome in each.without_directory()] for each in sessions
    }
    for vm in config.stash[_VMS]:
        try:
            vm.end()
        except LabError as error:
            warnings.warn(str(error), stacklevel=1)


class Workers:
    """In the process that the workers belong to."""

    def __init__(self, config: pytest.Config) -> None:
        from lab.scenario.artifacts import new_run_name

        self._config = config
        self._name = new_run_name()
        self._began = time.time()
        self._left: dict[Path, list[Outcome]] = {}
        """What left no directory, by the run's."""
        self._runs: list[RunRecord] = []

    def pytest_sessionstart(self) -> None:
        """Refuse more VMs than there is memory and disk for, before any of them starts."""
        if _wants_vms(self._config) and self._config.getoption("--coverage"):
            raise pytest.UsageError("--coverage counts in one process: leave -n out")
        room, count = _budget(self._config), self._count()
        lacking = room.lacking(count) if room else ""
        if room and lacking:
            fits = min(room.by_memory, room.by_disk)
            raise pytest.UsageError(f"{lacking}: pytest -n {max(1, fits)}, or free some")

    def pytest_report_header(self) -> str | None:
        room, count = _budget(self._config), self._count()
        if room is None or count <= room.by_cores:
            return None
        return f"lab: {count} VMs on {room.cores} cores: they wait for each other; -n {room.by_cores} is as fast"

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[RUN] = self._name

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        from lab.report.run_record import Outcome

        for run, outcomes in getattr(node, "workeroutput", {}).get(LEFT, {}).items():
            self._left.setdefault(Path(run), []).extend(Outcome(**each) for each in outcomes)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """What a worker was at when it died is a result, too."""
        from lab.config import find_config
        from lab.report.run_record import Outcome
        from lab.results.record import artifacts_of
        from lab.scenario.files import is_scenario

        file, _, name = crashitem.partition("::")
        path = self._config.rootpath / file
        if is_scenario(path):
            run = artifacts_of(find_config(path.parent).parent) / self._name
            lost = Outcome(name, Cause.INFRASTRUCTURE.value, "the process that ran it died")
            self._left.setdefault(run, []).append(lost)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Make each run whole, of what the workers left."""
        from lab.report.run_files import finish_run
        from lab.results.record import record

        seed = session.config.getoption("lab_seed")
        for directory, left in self._left.items():
            try:
                run = finish_run(directory, self._began, seed=seed, without_directory=left)
                if run is not None:
                    self._runs.append(run)
                    record(run)
            except (OSError, LabError) as error:
                warnings.warn(f"{directory} is not complete: {error}", stacklevel=1)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for run in self._runs:
            terminalreporter.section(f"lab ({run.directory.parent.parent.name})")
            for line in _summary(run):
                terminalreporter.line(line)

    def _count(self) -> int:
        return int(self._config.getoption("numprocesses", None) or 0)


def as_many_as_fit(config: pytest.Config) -> int | None:
    """What `-n auto` stands for; None: as pytest-xdist says."""
    room = _budget(config)
    return max(1, room.fitting) if room else None


def _wants_vms(config: pytest.Config) -> bool:
    """Whether scenarios are to be run by several workers."""
    return bool(config.getoption("numprocesses", None)) and _lab_of(config) is not None


def _budget(config: pytest.Config) -> Budget | None:
    """What there is for VMs, if they are wanted and there is an image. Raises pytest.UsageError for a bad lab.yaml."""
    from lab.config import CONFIG_NAME, load_config
    from lab.worker_vm import budget

    root = _lab_of(config) if _wants_vms(config) else None
    try:
        return budget(load_config(root / CONFIG_NAME)) if root else None
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    except LabError:
        return None  # Whoever brings the lab up tells it better.


def _lab_of(config: pytest.Config) -> Path | None:
    """The lab of the first scenario that the command names, unless `-m` leaves all scenarios out."""
    from _pytest.mark.expression import Expression

    from lab.config import find_config
    from lab.scenario.files import scenario_files

    marks = config.getoption("markexpr", "")
    try:
        if marks and not Expression.compile(marks).evaluate(_is_of_scenarios):
            return None
    except SyntaxError:
        return None  # pytest tells it.
    for argument in config.args:
        try:
            first = next(scenario_files([Path(argument.split("::")[0])]))
            return find_config(first.parent).parent
        except UsageError:
            continue
    return None


def _is_of_scenarios(name: str, /, **_: str | int | bool | None) -> bool:
    return name == "vm"


def _summary(run: RunRecord) -> Iterator[str]:
    from lab.report.record import HTML

    counts: Counter[str] = run.counts
    yield "endings:   " + ", ".join(f"{count} {cause}" for cause, count in counts.most_common())
    broken = [each for each in run.outcomes if each.cause in (Cause.INFRASTRUCTURE.value, Cause.USAGE.value)]
    told = [*run.bad, *broken]
    for each in told[:MAX_BAD]:
        yield f"  {each.scenario}: {each.cause}: {each.reason}"[:MAX_TEXT]
    if len(told) > MAX_BAD:
        yield f"  and {len(told) - MAX_BAD} more"
    yield f"results:   {run.directory}"
    yield f"report:    {run.directory / HTML}"
