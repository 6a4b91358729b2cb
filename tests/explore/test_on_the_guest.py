"""A planted logic fault is found in the real driver, and the scenario that is written fails with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab.config import Config
from lab.errors import Cause
from lab.running import RunningLab
from lab.scenario.load import parse_scenarios
from lab.scenario.session import ScenarioSession


@pytest.mark.vm
@pytest.mark.slow
def test_a_planted_fault_becomes_a_scenario(project: Config, lab: RunningLab, tmp_path: Path) -> None:
    out = project.root / "artifacts" / f"explore-{tmp_path.name}"
    command = ["explore", "--plant", "reference-leak", "--minutes", "1", "--seed", "1", "-x", "--out", str(out)]
    ended = subprocess.run(
        [sys.executable, "-m", "lab", *command],
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "found: 1" in ended.stdout
    assert json.loads((out / "finding-1" / "result.json").read_text())["cause"] == "failed"
    text = (out / "finding-1.yaml").read_text()
    session = ScenarioSession(lambda: lab, tmp_path / "artifacts")
    (faulty,) = parse_scenarios(text, "finding.yaml", project)
    (right,) = parse_scenarios(text.replace("driver: example-fault", "driver: example-buffered"), "right.yaml", project)
    assert session.run(faulty).cause is Cause.FAILED
    assert session.run(right).cause is Cause.PASSED
