"""`lab nightly --farm` is the same nightly: on real guests, on hosts without driver and image, and one is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import wait_until

from farm.running import ROOT, running_farm
from lab.machine.instance import Instance

pytestmark = pytest.mark.vm
SHARED = "one-name-is-shared-by-two-processes"
SLOW = """
lab: 1
description: Long enough for its worker to be killed meanwhile
steps: [{opener: {open: HELLO}}, {sleep: 6s}, {opener: close}]
"""
DRILL = """
drill: 1
healthy: healthy
faults: {reference-leak: {ends: failed}}
"""
BEGUN = "host-*/run-*/.slow.partial"
SEEDS = (7, 8)
NIGHT = 400.0
"""Seconds at most, each worker's first boot included."""
WANTED = (f"{SHARED}[example-direct]", f"{SHARED}[example-buffered]", f"{SHARED}[example-neither]", "slow")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A lab with drivers of its own, and scenarios."""
    root = tmp_path / "lab"
    (root / "scenarios").mkdir(parents=True)
    text = (ROOT / "lab.yaml").read_text()
    (root / "lab.yaml").write_text("\n".join(line for line in text.splitlines() if not line.startswith("build:")))
    shutil.copy(ROOT / "scenarios" / f"{SHARED}.yaml", root / "scenarios")
    (root / "scenarios" / "slow.yaml").write_text(SLOW)
    (root / "drill").mkdir()
    (root / "drill" / "drill.yaml").write_text(DRILL)
    for name in ("healthy", "reference-leak"):
        shutil.copy(ROOT / "driver" / "drill" / f"{name}.yaml", root / "drill")
    built = shutil.ignore_patterns("obj", "coverage")
    shutil.copytree(ROOT / "driver" / "build", root / "driver" / "build", ignore=built)
    shutil.copytree(ROOT / "driver" / "model", root / "driver" / "model")
    yield root
    shutil.rmtree(tmp_path)  # Images are large.


@pytest.fixture
def night(root: Path, certificates: Path, tmp_path: Path) -> str:
    """Give a farm of two hosts a night, kill a worker in the midst of a scenario; what the night said.

    No VM outlives its worker.
    """
    hosts = tmp_path / "hosts"
    with running_farm(certificates, hosts, 1, 1, LAB_CACHE=str(tmp_path / "cache")) as address:
        parts = ["--repetitions=2", f"--seed={SEEDS[0]}", "--explore-minutes=0.05", "--drill=drill"]
        parts.append(f"--hours={NIGHT / 3600}")
        command = ["nightly", "--farm", address, "--certificates", str(certificates), *parts]
        with subprocess.Popen(
            [sys.executable, "-m", "lab", "--config", str(root / "lab.yaml"), *command],
            cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as running:  # fmt: skip
            _kill_who_is_at_the_slow_one(hosts)
            told, _ = running.communicate(timeout=NIGHT + 60)
    wait_until(lambda: not any(Instance(each).is_supervised() for each in hosts.rglob(".lab/vm-*")), 60)
    assert running.returncode == 0, told
    return told


def test_a_night_of_which_a_worker_is_killed(night: str, root: Path) -> None:
    assert "nightly: scenarios good, explore good, drill good\n" in night
    runs = [json.loads(path.read_text()) for path in sorted(root.glob("artifacts/*-[01]/run.json"))]
    assert [run["seed"] for run in runs] == list(SEEDS)
    for run in runs:
        assert Counter(each["scenario"] for each in run["outcomes"]) == Counter(WANTED)
        assert {each["cause"] for each in run["outcomes"]} == {"passed"}
        assert all(each["driver_hash"] and each["image"] for each in run["outcomes"])
    assert sorted(_tried_before(root)) == ["slow: died meanwhile"]
    assert len(list(root.glob(f"artifacts/*-[01]/{SHARED}.*/kd.jsonl"))) == 6
    assert (root / "artifacts" / "history.html").is_file()
    assert list(root.glob("artifacts/explore-*/output.txt"))
    (drill,) = (path.parent for path in root.glob("artifacts/*/kind"))
    assert json.loads((drill / "run.json").read_text())["counts"] == {"failed": 2, "passed": 1}
    assert f"lab replay {drill / 'reference-leak'}\n" in (drill / "reference-leak" / "report.txt").read_text()


def _kill_who_is_at_the_slow_one(hosts: Path) -> None:
    wait_until(lambda: any(hosts.glob(BEGUN)), NIGHT)
    host = next(hosts.glob(BEGUN)).parents[1]
    (lock,) = host.glob("trees/*/.lab/vm-1/worker.lock")
    os.kill(int(lock.read_text()), signal.SIGKILL)


def _tried_before(root: Path) -> Iterator[str]:
    """Of scenarios that were not done at once: the name, and what happened."""
    for path in root.glob("artifacts/*/*/farm.json"):
        for each in json.loads(path.read_text())["before"]:
            yield f"{path.parent.name}: {each.rpartition(': ')[2]}"
