"""A scenario whose guest is only a CD and two serial ports, with a stand-in for the guest that plays a recorded run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from windows.standin import HANG, PAUSE, SIZE, orders, program

from lab.cli import run
from lab.config import find_config, load_config
from lab.errors import Cause, UsageError
from lab.guest.driver_file import MACHINE_I386, machine_of
from lab.scenario.load import load_scenarios
from lab.scenario.model import Isolation, Scenario
from lab.scenario.run import run_scenario
from lab.scenario.verdict import Verdict
from vm_images.reactos.profile import CAPABILITIES, LACKS, MACHINE, check_fits
from vm_images.reactos.serial_lab import SerialLab

from .pe_file import pe_file
from .test_medium import AMD64, write_boot_cd

ROOT = Path(__file__).resolve().parents[2]
CONFIG = load_config(find_config(ROOT))
DRIVER = ROOT / "driver" / "build" / "example-direct.sys"
TRAFFIC = ROOT / "driver" / "build" / "traffic.exe"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DRIVER.is_file(), reason="needs the built driver"),
]


@pytest.fixture(scope="module")
def boot(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return program(tmp_path_factory.mktemp("standin"))


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    file = tmp_path / "simple.yaml"
    file.write_text("lab: 1\nsteps:\n  - a: {open: X}\n")
    (scenario,) = load_scenarios(file, replace(CONFIG, default_driver="example-direct"))
    return scenario


def write_stand_in(iso: Path, boot: bytes, script: bytes, kernel: bytes = AMD64) -> None:
    """A boot CD whose guest says this on COM2."""
    write_boot_cd(iso, (boot + script + b"\0").ljust(SIZE, b"\0"), kernel=kernel)


def played(
    boot: bytes, script: bytes, scenario: Scenario, directory: Path, seconds: int = 30
) -> tuple[SerialLab, Verdict]:
    write_stand_in(directory / "boot.iso", boot, script)
    (directory / "guest").mkdir()
    machine = replace(MACHINE, boot_seconds=seconds)
    lab = SerialLab(CONFIG, directory / "boot.iso", TRAFFIC, directory / "guest", machine)
    try:
        return lab, run_scenario(lab, scenario, directory / "run")
    finally:
        lab.close()


def told(code: str = "0") -> bytes:
    """What traffic.exe says of one good open, between the lines of run.cmd."""
    op = '{"e":"op","actor":"%s","op":"%s","t0":1,"t1":2,"ok":true,"err":0,"n":0,"id":"%s"}'
    lines = ["LAB-BEGIN ", '{"e":"hello","v":1,"pid":1}', op % ("-", "service", "load"), op % ("a", "open", "1")]
    lines += ['{"e":"done","ok":true}', f"LAB-END {code} ", ""]
    return "\r\n".join(lines).encode()


def test_a_scenario_is_judged_by_what_came_over_the_second_port(
    boot: bytes, scenario: Scenario, tmp_path: Path
) -> None:
    lab, verdict = played(boot, b"\x1b[2JSeaBIOS text\r\n" + told() + orders(HANG), scenario, tmp_path)
    assert verdict.cause is Cause.PASSED, verdict.report()
    assert rb"service" in lab.files[r"C:\lab\run\script.txt"]
    assert r"C:\lab\drivers\example-direct.sys" in lab.files
    assert {each.name for each in (tmp_path / "guest").glob("*.iso")} == set()


def write_lab(directory: Path, **more: object) -> list[str]:
    """A lab.yaml of somebody's and a scenario; the words of the command that runs it from `boot.iso`."""
    drivers = {"own": {"file": str(DRIVER), "service": "Example"}}
    (directory / "lab.yaml").write_text(json.dumps({"lab": 1, "device": r"\\.\Example", "drivers": drivers, **more}))
    (directory / "simple.yaml").write_text("lab: 1\nsteps:\n  - a: {open: X}\n")
    return ["reactos", "run", str(directory / "simple.yaml"), "--iso", str(directory / "boot.iso")]


def test_the_command_needs_nothing_but_a_scenario_and_a_cd(
    boot: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = write_lab(tmp_path)
    write_stand_in(tmp_path / "boot.iso", boot, told() + orders(HANG))
    assert run(command) == 0
    assert "simple: passed; logs: " in capsys.readouterr().out
    assert list(tmp_path.glob("artifacts/*/simple/result.json"))
    assert list(tmp_path.glob("artifacts/*/reactos-*/kd.jsonl"))


def test_a_cd_of_32_bits_gets_images_of_32_bits(
    boot: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built = ROOT / "driver" / "build" / "reactos-i386"
    images = {
        "images": str(built),
        "build": f"make -s -C {ROOT / 'driver'} REACTOS=i386 build/reactos-i386/{DRIVER.name}",
    }
    command = write_lab(tmp_path, reactos={"i386": images})
    write_stand_in(tmp_path / "boot.iso", boot, told() + orders(HANG), pe_file(MACHINE_I386))
    assert run(command) == 0
    assert "simple: passed; logs: " in capsys.readouterr().out
    assert machine_of(built / "example-direct.sys") == machine_of(built / "traffic.exe") == MACHINE_I386


def test_a_driver_that_does_not_fit_the_cd_is_told_before_anything_boots(
    boot: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = write_lab(tmp_path)
    write_stand_in(tmp_path / "boot.iso", boot, b"", pe_file(MACHINE_I386))
    assert run(command) == 2
    said = capsys.readouterr().err
    assert "example-direct.sys is built for 64-bit x86 (AMD64); the guest is 32-bit x86" in said
    assert "`reactos: {i386: {images: FOLDER}}`" in said


def test_a_guest_that_never_begins_and_one_that_never_ends(boot: bytes, scenario: Scenario, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    _, verdict = played(boot, orders(PAUSE, HANG), scenario, tmp_path / "one", seconds=1)
    assert verdict.cause is Cause.GUEST_LOST
    assert "did not come to its first logon within 4 s" in verdict.reason
    (tmp_path / "two").mkdir()
    hurried = replace(scenario, timeout=1.0)
    _, verdict = played(boot, told().split(b"LAB-END")[0] + orders(HANG), hurried, tmp_path / "two")
    assert verdict.cause is Cause.HUNG, verdict.report()


def test_an_end_with_a_code_that_is_none_is_an_end_all_the_same(
    boot: bytes, scenario: Scenario, tmp_path: Path
) -> None:
    _, verdict = played(boot, told("9" * 5000) + orders(HANG), scenario, tmp_path)
    assert verdict.cause is Cause.PASSED, verdict.report()


def test_what_it_cannot_do_is_said(scenario: Scenario) -> None:
    assert not CAPABILITIES & set(LACKS)
    with pytest.raises(UsageError, match="cannot be had on ReactOS"):
        check_fits(replace(scenario, isolation=Isolation.SNAPSHOT))
