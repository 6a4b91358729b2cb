"""Every check of the guest finds what it is for, says so as Windows would, and points at the driver.

Codes and parameters are those of Microsoft's bug check reference: 0xC1, 0xC2, 0xC4, 0xC9, 0xD1, 0xD5 and others at
https://learn.microsoft.com/windows-hardware/drivers/debugger/bug-check-code-reference2
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.config import DriverSpec
from lab.errors import Cause
from lab.running import RunningLab
from lab.scenario.load import load_scenarios
from lab.scenario.session import ScenarioSession

pytestmark = pytest.mark.vm

SOURCE = Path(__file__).parent / "violations" / "violations.c"
TOOLS = Path("/usr/share/mingw-w64/include")
LIBRARIES = "/usr/x86_64-w64-mingw32/lib"
COMPILE = [
    "clang",
    "--target=x86_64-w64-windows-gnu",
    "-fms-extensions",
    "-ffreestanding",
    "-fno-stack-protector",
    "-g",
]
COMPILE += ["-gcodeview", "-O1", "-funwind-tables", "-mno-stack-arg-probe", "-isystem", f"{TOOLS}", "-isystem"]
COMPILE += [f"{TOOLS}/ddk", "-D_WIN32_WINNT=0x0A00", "-c"]
LINK = [
    "lld-link",
    "/driver",
    "/subsystem:native",
    "/entry:DriverEntry",
    "/nodefaultlib",
    "/debug:full",
    "/out:violations.sys",
]
LINK += ["/pdb:violations.pdb", "violations.obj", f"{LIBRARIES}/libntoskrnl.a", f"{LIBRARIES}/libhal.a"]

NAMES = re.findall(r"X\((\w+)\)", SOURCE.read_text().split("typedef")[0].split("VIOLATIONS(X)", 1)[1])
"""Of violations, in the order of their IOCTLs."""

POOL = "[special-pool]"
IO = "[io]"
ANY = "[pool-tracking]"
"""The rules about IRQL and locks come with any flag."""
TAG = 0x6C6F6956
PAGED = 1

Pattern = Sequence[int | None]
"""Parameters; None: an address that only the guest knows."""

VIOLATIONS: dict[str, tuple[str, int, Pattern]] = {
    "overrun": (POOL, 0xC1, [None, None, 0, 0x24]),
    "overrun_far": (POOL, 0xD6, [None, 1, None, 0]),
    "underrun": (POOL, 0xC1, [None, None, 0, 0x23]),
    "read_after_free": (POOL, 0xD5, [None, 0, None, 0]),
    "write_after_free": (POOL, 0xD5, [None, 1, None, 0]),
    "double_free": (POOL, 0xC2, [7, 0, TAG, None]),
    "wrong_tag": (POOL, 0xC2, [0xA, None, TAG, 0x7265684F]),
    "free_middle": (POOL, 0xC1, [None, 100, 112, 0x21]),
    "free_static": (POOL, 0xC4, [0x10, None, 0, 0]),
    "zero_bytes": (POOL, 0xC4, [0, 0, 0, 0]),
    "buffer_overrun": (POOL, 0xD6, [None, 1, None, 0]),
    "leak": ("[pool-tracking]", 0xC4, [0x62, None, 0, 2]),
    "touch_completed_irp": (IO, 0xD5, [None, 0, None, 0]),
    "complete_twice": ("off", 0x44, [None, 0, 0, 0]),
    "never_complete": (IO, 0xC9, [0x226, None, None, None]),
    "other_status": (IO, 0xC9, [0x224, None, None, None]),
    "pending_not_marked": (IO, 0xC9, [0x23D, None, None, None]),
    "marked_not_pending": (IO, 0xC9, [0x23E, None, None, None]),
    "complete_pending": (IO, 0xC9, [6, 0x103, None, 0]),
    "complete_with_cancel_routine": (IO, 0xC9, [7, None, None, 0]),
    "complete_too_high": (IO, 0xC9, [0xE, 3, None, 0]),
    "return_raised": (IO, 0xC9, [5, None, 0, 1]),
    "wait_raised": (ANY, 0xC4, [0x3B, 2, None, 0]),
    "delay_raised": (ANY, 0xC4, [0x3B, 2, 0, None]),
    "paged_alloc_raised": (ANY, 0xC4, [1, 2, PAGED, 20]),
    "paged_free_raised": (ANY, 0xC4, [0x11, 2, PAGED, None]),
    "paged_touch_raised": ("[irql, special-pool]", 0xD1, [None, 2, 1, None]),
    "alloc_too_high": (ANY, 0xC4, [2, 3, 0, 20]),
    "event_too_high": (ANY, 0xC4, [0x80, 3, None, 0]),
    "resource_raised": (ANY, 0xC4, [0x37, 2, None, None]),
    "fast_mutex_raised": (ANY, 0xC4, [0x33, 2, None, 0]),
    "fast_mutex_released_low": (ANY, 0xC4, [0x34, 0, None, 0]),
    "raise_down": (ANY, 0xC4, [0x30, 2, 1, 0]),
    "lower_up": (ANY, 0xC4, [0x31, 0, 2, 0]),
    "spin_release_low": (ANY, 0xC4, [0x32, 0, None, 0]),
    "spin_acquire_low": (ANY, 0xC4, [0x40, 0, None, 0]),
    "spin_not_owned": (ANY, 0x10, [None, 0, 0, 0]),
    "spin_twice": ("[deadlock]", 0xC4, [0x1000, None, 0, 0]),
    "order_inverted": ("[deadlock]", 0xC4, [0x1001, None, 0, 0]),
    "mutex_held": ("off", 0x1, [None, 0, 0xFFFF, 0]),
    "critical_region": ("off", 0x1, [None, 0, 0xFFFF, 0]),
    "dpc_raised": ("off", 0xC8, [0x202, None, None, None]),
    "work_item_raised": ("off", 0xE1, [None, 1, None, None]),
}
"""What to check for, and what it is found as."""

HARMLESS = ("none", "dpc_runs", "poll_raised", "mutex_has_its_owner", "prints")

WHERE = {
    "complete_pending": "complete", "complete_with_cancel_routine": "complete", "complete_too_high": "complete",
    "zero_bytes": "block_of", "paged_alloc_raised": "block_of", "alloc_too_high": "block_of",
    "never_complete": "violate", "other_status": "violate", "pending_not_marked": "violate",
    "marked_not_pending": "violate", "return_raised": "violate", "mutex_held": "violate", "critical_region": "violate",
    "dpc_raised": "deferred", "work_item_raised": "work", "order_inverted": "both", "leak": "",
}  # fmt: skip
"""Functions at fault, where not called as the violation is; the dispatch routine for what shows at its return."""


WIDE = "ï".encode().decode("latin-1")
"""Wide strings are printed as UTF-8, and the log has a character for each byte."""
PRINTS = [
    rf"\w{WIDE}de|   \w{WIDE}de|\w|narrow|narrow  |(null)",
    "ws|s|S|hs|c|c|%",
    "-1|   42|42   |00042|   7|7   |9029|-5000000000",
    "4000000000|ab|0XAB|00000abc|123456789abc|0000000000001234",
    "".join(chr(ord("a") + i % 23) for i in range(4999)) + rf"|\w{WIDE}de",
]


def has_evidence(violation: str) -> bool:
    return EVIDENCE == "all" or violation in EVIDENCE.split()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The driver of violations, with its PDB."""
    place = tmp_path_factory.mktemp("violations")
    subprocess.run([*COMPILE, str(SOURCE), "-o", "violations.obj"], check=True, cwd=place)
    subprocess.run(LINK, check=True, cwd=place)
    return place / "violations.sys"


EVIDENCE = os.environ.get("VIOLATIONS_EVIDENCE") or "overrun_far wait_raised never_complete dpc_raised"
"""Violations whose evidence is secured, too, which takes several seconds each: `all`, or names."""

Run = Callable[..., tuple[Cause, dict[str, Any]]]


@pytest.fixture
def run(lab: RunningLab, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Does one violation while this is checked. Returns how it ended and its result.json."""
    drivers = {**lab.config.drivers, "violations": DriverSpec("violations", image, "Violations")}
    monkeypatch.setattr(lab, "config", replace(lab.config, drivers=drivers))
    session = ScenarioSession(lambda: lab, tmp_path)

    def do(violation: str, verifier: str, actors: int = 1) -> tuple[Cause, dict[str, Any]]:
        code = 0x222000 | NAMES.index(violation) << 2
        path = tmp_path / "violation.yaml"
        path.write_text(
            f"lab: 1\ndriver: violations\nverifier: {verifier}\ntimeout: 10s\n"
            f"actors: {{a: {{count: {actors}}}}}\nsteps:\n"
            f"  - a: {{open: {{path: '\\\\.\\Violations'}}}}\n"
            f"  - parallel: {{a: [{{ioctl: {code:#x}, data: {{fill: 16}}, output: 16}}]}}\n"
            "  - a: close\n  - service: stop\n"
        )
        (scenario,) = load_scenarios(path, lab.config)
        if not has_evidence(violation):
            monkeypatch.setattr(lab, "secure_crash", lambda _: lab.await_scene())
        verdict = session.run(scenario)
        assert verdict.artifacts is not None, verdict.report()
        return verdict.cause, json.loads((verdict.artifacts / "result.json").read_text())

    yield do
    lab.load_driver()


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_violation_is_found_at_its_first_occurrence(run: Run, violation: str) -> None:
    verifier, code, parameters = VIOLATIONS[violation]
    cause, result = run(violation, verifier)
    assert cause is Cause.CRASHED, result["reason"]
    crash = result["crash"]
    assert crash["code"] == code, result["reason"]
    seen = [None if wanted is None else seen for wanted, seen in zip(parameters, crash["parameters"], strict=True)]
    assert seen == parameters, result["reason"]
    if not has_evidence(violation):
        return
    function = WHERE.get(violation, violation)
    assert f"violations!{function}" in result["reason"] or not function, result["reason"]
    assert not function or "violations.c:" in result["reason"], result["reason"]


@pytest.mark.parametrize("violation", HARMLESS)
def test_what_is_allowed_passes(run: Run, violation: str) -> None:
    cause, result = run(violation, "standard")
    assert cause is Cause.PASSED, result["reason"]
    assert result["verifier"]["ran"] == ["special-pool", "irql", "pool-tracking", "io", "deadlock"]


def test_a_request_that_waits_does_not_keep_others_from_the_driver(run: Run) -> None:
    cause, result = run("meets", "off", actors=2)
    assert cause is Cause.PASSED, result["reason"]


def test_every_format_and_a_long_line_are_printed_whole(run: Run, tmp_path: Path) -> None:
    cause, result = run("prints", "off")
    assert cause is Cause.PASSED, result["reason"]
    (log,) = tmp_path.rglob("kd.jsonl")
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    text = "".join(entry["text"] for entry in entries if entry["kind"] == "print")
    assert [line for line in text.splitlines() if "|" in line] == PRINTS


@pytest.mark.parametrize("violation", ["overrun", "zero_bytes", "spin_acquire_low", "order_inverted", "leak"])
def test_nothing_is_checked_that_was_not_asked_for(run: Run, violation: str) -> None:
    cause, result = run(violation, "off")
    assert cause is Cause.PASSED, result["reason"]
    assert result["verifier"] == {"asked": "off", "ran": []}
