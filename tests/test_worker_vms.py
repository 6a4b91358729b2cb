"""`pytest scenarios -n N` on the real guest: a VM for each worker, the results of one, and nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from waiting import wait_until

from lab.machine.instance import STATE, Instance

pytestmark = pytest.mark.vm

ROOT = Path(__file__).resolve().parents[1]
SCENARIOS = ("one-name-is-shared-by-two-processes", "bugcheck-carries-its-parameters", "names-ignore-case")
PYTEST = [sys.executable, "-m", "pytest", "scenarios", "-p", "no:cacheprovider"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lab with a few of the project's scenarios, and VMs of its own."""
    directory = tmp_path_factory.mktemp("workers")
    lab = yaml.safe_load((ROOT / "lab.yaml").read_text().replace("driver/", f"{ROOT}/driver/"))
    kept = {name: value for name, value in lab.items() if name not in ("build", "coverage", "reactos")}
    (directory / "lab.yaml").write_text(yaml.safe_dump(kept))
    (directory / "scenarios").mkdir()
    for name in SCENARIOS:
        shutil.copy(ROOT / "scenarios" / f"{name}.yaml", directory / "scenarios")
    yield directory
    subprocess.run([sys.executable, "-m", "lab", "down"], cwd=directory, capture_output=True, timeout=90, check=False)


def verdicts(root: Path, *options: str) -> set[tuple[str, ...]]:
    """How the scenarios of one run ended."""
    before = set(root.glob("artifacts/*/run.json"))
    ran = subprocess.run([*PYTEST, *options], cwd=root, capture_output=True, text=True, timeout=280, check=False)
    (path,) = set(root.glob("artifacts/*/run.json")) - before
    run: dict[str, Any] = json.loads(path.read_text())
    kept = ("scenario", "cause", "reason", "driver_hash", "image", "verifier", "signature")
    assert ran.returncode == 0, ran.stdout
    return {tuple(str(each[name]) for name in kept) for each in run["outcomes"]}


def processes(root: Path) -> list[int]:
    """Whatever works in the directories of this lab's VMs."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.joinpath("cwd").readlink().is_relative_to(root / ".lab"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_two_vms_find_what_one_finds_and_are_gone_afterwards(root: Path) -> None:
    together = verdicts(root, "-n", "2")
    assert processes(root) == []
    assert len(together) >= len(SCENARIOS)
    assert together == verdicts(root)


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_a_worker_that_is_killed_or_interrupted_takes_its_vm_along(root: Path, kill: signal.Signals) -> None:
    others = set(processes(root))
    vm = Instance(root / ".lab" / "vm-1")
    command = [*PYTEST, "-n", "1", "--max-worker-restart=0"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL) as running:
        wait_until(lambda: vm.is_supervised() and vm.read(STATE).get("phase") == "ready", 240)
        worker = int(vm.path("worker.lock").read_text())
        os.kill(worker if kill == signal.SIGKILL else running.pid, kill)
        running.wait(90)
    wait_until(lambda: set(processes(root)) <= others, 30)


def test_more_vms_than_there_is_memory_for_are_refused_before_anything_starts(root: Path) -> None:
    ran = subprocess.run([*PYTEST, "-n", "900"], cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "900 VMs do not fit" in ran.stderr
    assert not (root / ".lab" / "vm-1").exists() or not Instance(root / ".lab" / "vm-1").is_supervised()
