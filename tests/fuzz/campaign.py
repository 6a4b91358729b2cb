"""One run of the fuzzer over one target."""

from __future__ import annotations

import multiprocessing
import tempfile
from pathlib import Path

CORPUS = Path(__file__).with_name("corpus")
MAX_LENGTH = {"parser": 8192, "messages": 2048, "session": 2048}
HANG_AFTER = 10
"""Seconds for one input."""
MEMORY_MB = 1024


def fuzz(name: str, seconds: int) -> int:
    """In a process of its own, which libFuzzer ends. Returns its status: 0 when nothing broke."""
    print(f"\n{name}: {seconds} s", flush=True)
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(name, seconds))
    process.start()
    process.join()
    return 1 if process.exitcode else 0


def _run(name: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["lab.kd", "fuzz.program", "kd.checked"]):
        from fuzz.harness import TARGETS

    seeds = CORPUS / name
    with tempfile.TemporaryDirectory() as found:
        # New inputs go into the first directory; what breaks becomes a seed, for the suite to replay.
        command = [
            *("fuzz", found, str(seeds), f"-max_total_time={seconds}", f"-timeout={HANG_AFTER}"),
            *(f"-rss_limit_mb={MEMORY_MB}", f"-max_len={MAX_LENGTH[name]}", "-print_final_stats=1", "-verbosity=1"),
            f"-artifact_prefix={seeds}/",
        ]
        atheris.Setup(command, TARGETS[name])
        atheris.Fuzz()
