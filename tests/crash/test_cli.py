"""`lab crash show`, as a person runs it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from symbols.memory import BUILD

from lab.cli import run

from .crashed_machine import NAME, CrashedMachine
from .test_minidumps import DUMPS, WINE
from .writers import write_triage


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lab.yaml is at hand."""
    monkeypatch.chdir(tmp_path)


def test_a_report_with_function_and_line(dump_of: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["crash", "show", str(dump_of("triage")), "--symbols", str(BUILD)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("DRIVER_IRQL_NOT_LESS_OR_EQUAL (0xD1) in example-fault!")
    assert "driver/kernel/control.c:" in text
    assert "traffic.exe" in text
    assert "old.sys" in text


def test_a_report_as_json(dump_of: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["crash", "show", str(dump_of("full")), "--json", "--symbols", str(BUILD)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["bugcheck"]["code"] == 0xD1
    assert [each["function"] for each in report["stacks"][0]["frames"] if not each["inlined"]][:3] == [
        "Fault_Commit",
        "Control_Perform",
        "Example_DeviceControl",
    ]


def test_images_beside_the_dump_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["crash", "show", str(WINE)]) == 0
    assert "nowhere!write_nowhere" in capsys.readouterr().out


def test_files_of_another_build_are_named(
    machine: CrashedMachine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_triage(machine, tmp_path / "small.dmp")
    (tmp_path / NAME).write_bytes((DUMPS / "nowhere.exe").read_bytes())
    assert run(["crash", "show", str(tmp_path / "small.dmp")]) == 0
    assert f"{NAME} is another build: size" in capsys.readouterr().out


def test_mistakes_are_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.dmp").write_bytes(b"PAGEDU64")
    assert run(["crash", "show", str(tmp_path / "a.dmp")]) == 2
    assert "at 0x0: the header of a kernel dump: 0x2000 bytes" in capsys.readouterr().err
    assert run(["crash", "show", str(WINE), "--symbols", "nowhere"]) == 2
    assert "no directory nowhere" in capsys.readouterr().err


def test_it_takes_less_than_a_second(machine: CrashedMachine, tmp_path: Path) -> None:
    write_triage(machine, tmp_path / "small.dmp", padding=1 << 20)
    start = time.process_time()
    assert run(["crash", "show", str(tmp_path / "small.dmp"), "--symbols", str(BUILD)]) == 0
    assert time.process_time() - start < 1
