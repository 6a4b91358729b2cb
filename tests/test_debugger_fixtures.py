"""The fixtures for tests in Python, as a person sees them; the guest behind them is played."""

from __future__ import annotations

import pytest

import lab.scenario.load  # noqa: F401  (pytester forgets what a run imports; PyYAML's C part cannot start twice)

pytest_plugins = ["pytester"]

CONFTEST = r"""
import pytest
from pathlib import Path
from types import SimpleNamespace
from lab.config import load_config
from lab.errors import HungError
from lab.kd.log import KdLog

class PlayedLab:
    def __init__(self, root):
        self.log = KdLog(root)
        self.kd_log = root / "kd.jsonl"
        self.crash = None
        self.config = load_config(root / "lab.yaml")
    def sync(self, timeout):
        self.log.flush()
    def mark(self, scenario, text):
        return self.log.marker(text, scenario=scenario)
    def crash_seen(self):
        return self.crash
    def recover(self, reason):
        Path("recovered").write_text(reason)
    def ensure_driver(self, name):
        return name
    ensure_program = ensure_driver
    def ensure_traffic(self):
        return r"C:\lab\bin\traffic.exe"
    def another_guest(self):
        def stream(argv, on_line, timeout):
            on_line('{"e":"hello","v":1,"pid":32}')
            on_line('{"e":"op","id":"1","actor":"a","pid":40,"op":"open","handle":"h","t0":1,"t1":2,"ok":true,"err":0,"n":0}')
            on_line('{"e":"done","ok":true}')
            return 0
        return SimpleNamespace(put=lambda data, path: None, stream=stream)

@pytest.fixture(scope="session")
def lab(request):
    return PlayedLab(request.config.rootpath)
"""

LAB_YAML = r"""
lab: 1
device: '\\.\Example'
drivers: {example: {file: build/example.sys, service: Example}}
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    (pytester.path / "lab.yaml").write_text(LAB_YAML)
    pytester.makeini("[pytest]\naddopts = -p no:hypothesispytest\n")
    pytester.makeconftest(CONFTEST)
    return pytester


def test_a_failing_test_shows_where_the_driver_stands(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from types import SimpleNamespace

        @pytest.fixture
        def target():
            return SimpleNamespace(stopped=True, report=lambda: "00  1234  example!Example_Write")

        def test_it(target):
            assert 5 == 6
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*- kernel debugger -*", "00  1234  example!Example_Write"])


def test_prints_are_waited_for_and_belong_to_the_test(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_it(lab, kd):
            lab.log.write("print", 0, "Example_Write Called\\n", {})
            lab.log.flush()
            assert kd.wait_for_print("Write", 1) == "Example_Write Called"
            kd.wait_for_print("Read", 0.1)
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*HungError: no print with 'Read' came in 0.1 s; the driver printed:"])
    assert '"scenario":"test_prints_are' in (project.path / "kd.jsonl").read_text().replace('": "', '":"')


def test_after_a_crash_the_guest_is_put_right(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(lab, kd): lab.crash = 'bugcheck 0xe2'")
    project.runpytest().assert_outcomes(passed=1)
    assert "test_it" in (project.path / "recovered").read_text()


def test_traffic_is_written_as_in_a_scenario(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_right(traffic):
            assert [op.ok for op in traffic("- a: {open: X}").wait(5)] == [True]

        def test_wrong(traffic):
            traffic('''
                - a: {open: X}
                - a: {raed: 5}
            ''')
        """
    )
    result = project.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*FileError: test_wrong:3: steps[[]2].a.raed: is not a known field here: did you mean 'read'?"]
    )
