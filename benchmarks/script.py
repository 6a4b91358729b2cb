"""Runs a traffic script in the guest and returns its events."""

from __future__ import annotations

import json
from typing import Any

from lab.guest.services import TRAFFIC
from lab.running import RunningLab
from lab.traffic.script import Script

REMOTE = r"C:\lab\run\benchmark.txt"


def run_script(lab: RunningLab, script: Script, deadline: float) -> list[dict[str, Any]]:
    """Put the script into the guest, run it, return its events. Raises LabError as the guest's calls do."""
    lines: list[str] = []
    lab.guest.put(script.text.encode(), REMOTE)
    lab.guest.stream([TRAFFIC, "run", REMOTE], lines.append, deadline)
    return [json.loads(line) for line in lines]
