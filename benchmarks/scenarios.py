"""The default set of scenarios in one VM: time of each, median, total."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from tempfile import TemporaryDirectory

from lab import bringup
from lab.config import Config
from lab.progress import Silent


def measure(config: Config) -> None:
    """Print the median and the slowest scenarios. Raises RuntimeError when one does not pass."""
    bringup.up(config, Silent())
    with TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        command = [sys.executable, "-m", "pytest", "-q", "scenarios", f"--junit-xml={report}"]
        begin = time.monotonic()
        ended = subprocess.run(command, cwd=config.root, capture_output=True, text=True, check=False)
        total = time.monotonic() - begin
        if ended.returncode != 0:
            raise RuntimeError(f"scenarios do not pass:\n{ended.stdout[-2000:]}")
        cases = ET.parse(report).iter("testcase")  # noqa: S314 - written by our own pytest
        times = sorted((float(case.attrib["time"]), case.attrib["name"]) for case in cases)
    median = statistics.median(seconds for seconds, _name in times)
    print(f"  {len(times)} scenarios in {total:.1f} s (wanted: at most 180); median {median:.2f} s (wanted: at most 3)")
    for seconds, name in reversed(times[-3:]):
        print(f"  slowest: {seconds:6.2f} s  {name}")
