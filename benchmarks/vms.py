"""Scenarios an hour with one VM and with two, in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from lab.config import Config
from lab.errors import InfrastructureError

ROUNDS = 2
VMS = (1, 2)
WANTED = 1.5


def measure(config: Config) -> None:
    """Print the rates from the first scenario's beginning to the last one's end, and their ratio."""
    files = sorted((config.root / "scenarios").glob("*.yaml"))
    _run(config, files[:1], VMS[-1])  # All have their snapshots now.
    rates: dict[int, list[float]] = {count: [] for count in VMS}
    for number in range(ROUNDS):
        for count in VMS:
            rates[count].append(_run(config, files, count))
        told = ", ".join(f"{count} VMs {rates[count][-1]:5.0f}" for count in VMS)
        print(f"  round {number + 1}: scenarios an hour: {told}", flush=True)
    one, two = (max(rates[count]) for count in VMS)
    print(f"  two VMs give {two / one:.2f} times as many as one on {os.cpu_count()} cores (wanted: at least {WANTED})")


def _run(config: Config, files: list[Path], count: int) -> float:
    before = set(config.root.glob("artifacts/*/run.json"))
    command = [sys.executable, "-m", "pytest", *map(str, files), "-n", str(count), "-q", "-p", "no:cacheprovider"]
    subprocess.run(command, cwd=config.root, capture_output=True, timeout=600, check=False)
    made = set(config.root.glob("artifacts/*/run.json")) - before
    if len(made) != 1:
        raise InfrastructureError("the scenarios were not run", "see what they say: pytest scenarios -n 2")
    outcomes = json.loads(made.pop().read_text())["outcomes"]
    begin = min(each["began"] for each in outcomes)
    end = max(each["began"] + each["seconds"] for each in outcomes)
    return 3600 * len(outcomes) / float(end - begin)
