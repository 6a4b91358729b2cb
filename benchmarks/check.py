"""How long `lab scenario check` takes for a thousand files: the project's own scenarios again and again."""

from __future__ import annotations

import itertools
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.config import Config
from lab.scenario.files import scenario_files

FILES = 1000
WANTED = 5.0


def measure(config: Config) -> None:
    """Print the time with everything from the command's start on. Raises RuntimeError when a file is refused."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copy(config.path, root)
        own = itertools.cycle(list(scenario_files([config.root / "scenarios"])))
        for number, source in enumerate(itertools.islice(own, FILES)):
            shutil.copy(source, root / f"{number:04}-{source.name}")
        begin, used = time.monotonic(), _processor_seconds()
        command = [sys.executable, "-m", "lab", "scenario", "check", str(root)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds, used = time.monotonic() - begin, _processor_seconds() - used
    if ended.returncode != 0:
        raise RuntimeError(f"scenarios are refused:\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    print(f"  {ended.stdout.strip()}: {seconds:.1f} s, of it {used:.1f} s at work (wanted: at most {WANTED:g})")


def _processor_seconds() -> float:
    """Of all child processes that have ended: on a busy machine most of the time is spent waiting for it."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
