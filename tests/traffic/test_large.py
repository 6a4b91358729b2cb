"""Data that is too long to be told: hashed in the guest, kept on disk where it is not what was expected."""

from __future__ import annotations

import gzip
import json
import resource
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from lab.config import Config
from lab.errors import Cause
from lab.running import RunningLab
from lab.scenario.load import parse_scenarios
from lab.scenario.run import run_scenario
from lab.scenario.verdict import Verdict
from lab.traffic.data import Bytes, Fill, pattern

LARGE = 64 << 20
FILE = r"C:\lab\run\large.bin"
SCENARIO = """
lab: 1
timeout: 2m
isolation: none
steps:
  - user: [{open: {path: 'FILE'}}, {write: {fill: LENGTH, seed: 7}, timeout: 60s}, close]
  - user:
      - {open: {path: 'FILE'}, access: r}
      - {read: LENGTH, timeout: 60s, expect: {bytes: LENGTH, data: {fill: LENGTH, seed: SEED}}}
"""

Run = Callable[[int, int], Verdict]


@pytest.mark.parametrize("length", [0, 1, 255, 65535, 65536, 65537, 200_000])
def test_a_pattern_and_its_hash_without_the_pattern(length: int) -> None:
    whole = bytes((7 * 31 + i * 7 + (i >> 8) * 13) & 0xFF for i in range(length))
    assert pattern(length, 7) == whole
    assert Fill(length, 7).digest == Bytes(whole).digest == sha256(whole).hexdigest()


@pytest.fixture
def run(lab: RunningLab, project: Config, tmp_path: Path) -> Iterator[Run]:
    """Writes a pattern of some length with seed 7 to a file in the guest, reads it back and expects a seed."""

    def go(length: int, seed: int) -> Verdict:
        lab.guest.put(b"", FILE)
        text = SCENARIO.replace("FILE", FILE).replace("LENGTH", str(length)).replace("SEED", str(seed))
        (scenario,) = parse_scenarios(text, "large.yaml", project)
        return run_scenario(lab, scenario, tmp_path)

    yield go
    lab.restore()


def line_of(verdict: Verdict, step: str) -> dict[str, object]:
    assert verdict.artifacts
    lines = map(json.loads, (verdict.artifacts / "history.jsonl").read_text().splitlines())
    return next(line for line in lines if line["id"] == step)


@pytest.mark.vm
def test_sixty_four_megabytes_are_compared_in_the_guest(run: Run) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    verdict = run(LARGE, 7)
    assert verdict.cause is Cause.PASSED, verdict.reason
    assert line_of(verdict, "2.2") | {"moved": LARGE, "data": None, "sha256": Fill(LARGE, 7).digest} == line_of(
        verdict, "2.2"
    )
    assert verdict.artifacts
    assert not (verdict.artifacts / "data").exists()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10


@pytest.mark.vm
def test_what_is_not_expected_comes_as_a_file(run: Run) -> None:
    verdict = run(100_000, 8)
    assert verdict.cause is Cause.FAILED
    assert f"data with SHA-256 {Fill(100_000, 7).digest}, kept as data/2.2.gz" in verdict.reason
    assert verdict.artifacts
    assert gzip.decompress((verdict.artifacts / "data/2.2.gz").read_bytes()) == pattern(100_000, 7)


@pytest.mark.vm
def test_what_is_not_long_is_told(run: Run) -> None:
    verdict = run(65_536, 7)
    assert verdict.cause is Cause.PASSED, verdict.reason
    assert line_of(verdict, "2.2")["data"] == pattern(65_536, 7).hex()
