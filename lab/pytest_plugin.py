"""`pytest scenarios`: every scenario file is collected, every point of its matrix is a test."""

from __future__ import annotations

import re
import statistics
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._code.code import TerminalRepr
from _pytest._io import TerminalWriter

from lab import pytest_workers as workers
from lab.coverage import plugin as coverage
from lab.debugger_fixtures import LABS, bring_up, kd, lab, pytest_runtest_makereport, target, traffic
from lab.document import display_path
from lab.errors import Cause, LabError
from lab.scenario.files import ARTIFACTS, is_scenario

if TYPE_CHECKING:
    from lab.config import Config
    from lab.scenario.model import Scenario
    from lab.scenario.running import RunningLab
    from lab.scenario.session import ScenarioSession
    from lab.scenario.verdict import Verdict

MAX_BAD = 30
MAX_HEADLINE = 300
_CAUSE = "lab_cause"
_LETTERS = {Cause.CRASHED: "C", Cause.HUNG: "H", Cause.GUEST_LOST: "G", Cause.INFRASTRUCTURE: "I", Cause.USAGE: "U"}


__all__ = ["kd", "lab", "pytest_runtest_makereport", "target", "traffic"]


class Hooks:
    """What a conftest.py may replace."""

    @pytest.hookspec(firstresult=True)
    def pytest_lab_bring_up(self, config: pytest.Config, lab_config: Config) -> RunningLab | None:
        """Return a running lab for `lab_config`; called once, before the first scenario runs."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lab", "scenarios of the driver lab")
    group.addoption(
        "--lab-seed", type=int, metavar="N", help="what `seed: random` stands for in scenarios (default: drawn)"
    )
    coverage.add_option(group)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vm: needs a running guest")
    config.stash[_SESSIONS] = {}
    config.stash[LABS] = {}
    coverage.configure(config)
    workers.configure(config)


_SESSIONS = pytest.StashKey[dict[Path, "ScenarioSession"]]()
"""One session for each lab.yaml."""


@pytest.hookimpl(trylast=True)
def pytest_lab_bring_up(config: pytest.Config, lab_config: Config) -> RunningLab:
    from lab.bringup import up
    from lab.progress import Progress

    if workers.is_worker(config):
        return workers.bring_up(config, lab_config)
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print()
        lab = up(lab_config, Progress())
        lab.claim()
        return lab


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """`-n auto` of scenarios: as many VMs as fit."""
    return workers.as_many_as_fit(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    if is_scenario(file_path):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """What earlier runs left beside a lab.yaml holds copies of their scenarios."""
    is_left = collection_path.name == ARTIFACTS and (collection_path.parent / "lab.yaml").is_file()
    return True if is_left else None


class ScenarioFile(pytest.File):
    """A scenario file; collecting it checks it."""

    def collect(self) -> Iterable[ScenarioItem]:
        from lab.config import find_config, load_config
        from lab.scenario.load import load_scenarios

        try:
            config = coverage.configured(self.config, load_config(find_config(self.path.parent)))
            scenarios = load_scenarios(self.path, config, self.config.getoption("lab_seed"))
        except LabError as error:
            advice = f"\n{error.advice}" if error.advice else ""
            raise self.CollectError(f"{error}{advice}") from None
        for scenario in scenarios:
            yield ScenarioItem.from_parent(self, name=scenario.id, scenario=scenario, lab_config=config)


class ScenarioEnded(Exception):  # noqa: N818  (an ending, not an error of the test's code)
    """Carries a verdict that is not good to pytest's report."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.headline())
        self.verdict = verdict


class ScenarioEndedAsKnown(ScenarioEnded):
    """Carries a verdict that the scenario's known issue explains: pytest reports it as an expected failure."""


class ScenarioItem(pytest.Item):
    """One point of a scenario's matrix."""

    def __init__(self, *, scenario: Scenario, lab_config: Config, **more: Any) -> None:
        super().__init__(**more)
        self.scenario = scenario
        self.lab_config = lab_config
        self.add_marker(pytest.mark.vm)
        for tag in scenario.tags:
            _register_marker(self.config, tag)
            self.add_marker(tag)
        if scenario.known_issue is not None and not scenario.known_issue.is_over:
            self.add_marker(pytest.mark.xfail(reason=str(scenario.known_issue), raises=ScenarioEndedAsKnown))

    def runtest(self) -> None:
        verdict = coverage.run(self.config, self.lab_config, self._session(), self.scenario)
        self.user_properties.append((_CAUSE, verdict.cause.value))
        if verdict.artifacts:
            self.user_properties.append(("lab_artifacts", str(verdict.artifacts)))
            self.user_properties += _properties(verdict.artifacts)
        if verdict.cause is Cause.SKIPPED:
            raise pytest.skip.Exception(verdict.reason, _use_item_location=True)
        if verdict.is_known:
            raise ScenarioEndedAsKnown(verdict)
        if not verdict.is_good:
            raise ScenarioEnded(verdict)

    def _session(self) -> ScenarioSession:
        from lab.scenario.session import ScenarioSession

        sessions = self.config.stash[_SESSIONS]
        key = self.lab_config.path
        if key not in sessions:
            artifacts = self.lab_config.root / ARTIFACTS
            run = workers.run_of(self.config, artifacts)
            sessions[key] = ScenarioSession(self._bring_up, artifacts, run)
        return sessions[key]

    def _bring_up(self) -> RunningLab:
        lab: RunningLab = bring_up(self.config, self.lab_config)
        return lab

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        if isinstance(excinfo.value, ScenarioEnded):
            return VerdictReport(excinfo.value.verdict)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name


def _properties(directory: Path) -> list[tuple[str, str]]:
    """What `--junit-xml` says of a scenario besides its ending."""
    from lab.report.junit import properties_of
    from lab.report.record import RESULT, read_json
    from lab.report.run_record import outcome_of

    result = read_json(directory / RESULT)
    return list(properties_of(outcome_of(result, directory.name)).items()) if isinstance(result, dict) else []


def _register_marker(config: pytest.Config, tag: str) -> None:
    known = {re.split(r"[:(\s]", line, maxsplit=1)[0] for line in config.getini("markers")}
    if tag not in known:
        config.addinivalue_line("markers", f"{tag}: a tag of scenarios")


class VerdictReport(TerminalRepr):
    """What pytest shows of a scenario that did not pass, in place of a traceback."""

    def __init__(self, verdict: Verdict) -> None:
        self._text = verdict.report()
        self.reprcrash = SimpleNamespace(message=verdict.headline())
        """Where pytest takes the short summary's line from."""

    def __str__(self) -> str:
        return self._text

    def toterminal(self, tw: TerminalWriter) -> None:
        first, *rest = self._text.split("\n")
        tw.line(first, red=True, bold=True)
        for line in rest:
            tw.line(line, green=line.startswith("    expected:"), red=line.startswith("    got:"))


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> Any:
    """Endings that are not plain failures have letters and words of their own."""
    if not isinstance(report, pytest.TestReport) or not report.failed or report.when != "call":
        return None
    value = dict(report.user_properties).get(_CAUSE)
    cause = next((each for each in _LETTERS if each.value == value), None)
    if cause is None:
        return None
    return "failed", _LETTERS[cause], (cause.value.upper(), {"red": True})


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The files of each run as a whole, and its place in the history."""
    from lab.results.record import record

    if workers.is_worker(session.config):
        workers.hand_over(session.config, session.config.stash[_SESSIONS].values())
        return
    for each in session.config.stash[_SESSIONS].values():
        try:
            run = each.finish(seed=session.config.getoption("lab_seed"))
            if run is not None:
                record(run)
        except (OSError, LabError) as error:
            warnings.warn(f"{each.run_directory} is not complete: {error}", stacklevel=1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for path, session in config.stash[_SESSIONS].items():
        if session.verdicts:
            terminalreporter.section(f"lab ({path.parent.name})")
            for line in [*_summary(session), *coverage.summary(config, path, session)]:
                terminalreporter.line(line)


def _summary(session: ScenarioSession) -> Iterator[str]:
    from lab.report.record import HTML

    verdicts = session.verdicts
    causes = Counter(verdict.cause.value for verdict in verdicts)
    yield "endings:   " + ", ".join(f"{count} {cause}" for cause, count in causes.most_common())
    yield from _bad_endings([verdict for verdict in verdicts if not verdict.is_good and not verdict.is_known])
    yield from _known_issues([verdict for verdict in verdicts if verdict.scenario.known_issue is not None])
    if session.run_directory.exists():
        yield f"results:   {session.run_directory}"
        yield f"report:    {session.run_directory / HTML}"
    if session.lab is not None:
        yield f"kd log:    {session.lab.kd_log}"
        yield f"the lab:   up ({session.bring_up_seconds:.1f} s to get it); it keeps running: `lab down` ends it"
    timed = [verdict for verdict in verdicts if verdict.timings]
    if timed:
        yield from _timing_table(timed)


def _bad_endings(bad: list[Verdict]) -> Iterator[str]:
    """One line each; those that ended for one reason before they began share a line."""
    reasons: dict[str, list[Verdict]] = {}
    for verdict in bad:
        reasons.setdefault(verdict.headline(), []).append(verdict)
    for headline, verdicts in list(reasons.items())[:MAX_BAD]:
        more = f" and {len(verdicts) - 1} more" if len(verdicts) > 1 else ""
        yield f"  {verdicts[0].scenario.id}{more}: {headline[:MAX_HEADLINE]}"
    if len(reasons) > MAX_BAD:
        yield f"  and {len(reasons) - MAX_BAD} other reasons"


def _known_issues(verdicts: list[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        issue = verdict.scenario.known_issue
        assert issue is not None  # noqa: S101 - the caller chose them so
        if verdict.cause is Cause.PASSED:
            where = f"{display_path(verdict.scenario.path)}:{issue.line}"
            yield f"  {verdict.scenario.id} passes again: take its known_issue out ({where})"
        elif verdict.cause is not Cause.SKIPPED:
            yield f"  {verdict.scenario.id}: {verdict.cause.value}, {issue}"


def _timing_table(verdicts: list[Verdict]) -> Iterator[str]:
    totals = {verdict.scenario.id: sum(verdict.timings.values()) for verdict in verdicts}
    phases = ["prepare", "traffic", "sync", "check"]
    yield "time:      " + " ".join(f"{name:>9}" for name in (*phases, "whole"))
    for word, pick in (("median", statistics.median), ("longest", max)):
        figures = [pick([verdict.timings.get(phase, 0.0) for verdict in verdicts]) for phase in phases]
        figures.append(pick(list(totals.values())))
        yield f"  {word:<8} " + " ".join(f"{figure:>7.2f} s" for figure in figures)
    slowest = sorted(totals, key=lambda name: -totals[name])[:3]
    yield "  slowest  " + ", ".join(f"{name} {totals[name]:.1f} s" for name in slowest)
