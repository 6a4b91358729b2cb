"""pytest fixtures for tests in Python: `lab`, `kd`, `target` and `traffic`. docs/debugger.md shows them at work."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lab.config import Config
    from lab.kd.debugged_target import DebuggedTarget
    from lab.kd.watch import KdWatch
    from lab.running import RunningLab
    from lab.scenario.background import Background

Traffic = Callable[[str], "Background"]
LABS = pytest.StashKey[dict[Path, Any]]()
"""The running lab of each lab.yaml: scenarios and tests of one pytest run share it."""


def bring_up(config: pytest.Config, lab_config: Config) -> Any:
    """The running lab of `lab_config`, brought up when it is first asked for. Raises LabError."""
    labs = config.stash[LABS]
    if lab_config.path not in labs:
        labs[lab_config.path] = config.hook.pytest_lab_bring_up(config=config, lab_config=lab_config)
    return labs[lab_config.path]


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config) -> RunningLab:
    """The lab of the nearest lab.yaml at or above pytest's root directory, up. It keeps running."""
    from lab.config import find_config, load_config

    running: RunningLab = bring_up(pytestconfig, load_config(find_config(pytestconfig.rootpath)))
    return running


@pytest.fixture
def kd(lab: RunningLab, request: pytest.FixtureRequest) -> Iterator[KdWatch]:
    """What the driver prints during the test: `kd.wait_for_print("My_Write", 5)`, `kd.prints`.

    The kd log's entries of the test carry its name. After a crash the guest is put back to its snapshot.
    """
    from lab.kd.watch import KdWatch

    name = request.node.nodeid
    lab.sync(10.0)
    yield KdWatch(lab.kd_log, lab.mark(name, f"begin {name}"))
    if lab.crash_seen() is not None:
        lab.recover(f"a crash in {name}")
    lab.mark(None, f"end {name}")


@pytest.fixture
def target(lab: RunningLab, kd: KdWatch) -> Iterator[DebuggedTarget]:  # noqa: ARG001  (kd puts the guest right)
    """The guest under the kernel debugger: breakpoints by symbol, arguments, stack, structures.

    In the end its breakpoints are cleared and it runs on, whatever the test did.
    """
    from lab.bridge_client import connect
    from lab.kd.debugged_target import DebuggedTarget

    with connect(lab.config, lab.instance) as (client, directories):
        debugged = DebuggedTarget(client, directories)
        yield debugged
        debugged.close()


@pytest.fixture
def traffic(lab: RunningLab, request: pytest.FixtureRequest) -> Iterator[Traffic]:
    """Starts steps of a scenario in the background: `traffic("- writer: {open: HELLO}").wait(10)`."""
    from lab.scenario.background import Background, parse_traffic

    started: list[Background] = []

    def start(steps: str) -> Background:
        scenario = parse_traffic(steps, lab.config, request.node.name)
        started.append(Background(lab, lab.another_guest(), scenario))
        return started[-1]

    yield start
    left = [each for each in started if each.running]
    debugged = getattr(request.node, "funcargs", {}).get("target")
    if left and debugged is not None:
        debugged.close()  # They may be waiting for a driver that stands still.
    for each in left:
        each.join()
    if left:
        warnings.warn(f"{request.node.name} ended before its traffic did", stacklevel=1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test that fails while the target stands still says where it stands."""
    from lab.errors import LabError

    outcome = yield
    report: pytest.TestReport = outcome.get_result()  # type: ignore[attr-defined]
    target: DebuggedTarget | None = getattr(item, "funcargs", {}).get("target")
    if report.when != "call" or not report.failed or target is None:
        return
    text = getattr(target, "failure", "")
    if not text and getattr(target, "stopped", False):
        try:
            text = target.report()
        except LabError as error:
            text = f"no stack: {error}"
    if text:
        report.sections.append(("kernel debugger", text))
