"""A crash is recognised by its signature."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from driver.conftest import copy_sources, make
from symbols.memory import BUILD

from lab.crash.report import CrashReport, make_report
from lab.crash.signature import Signature
from lab.kd.bugcheck import Bugcheck

from .crashed_driver import ACCESS_VIOLATION, BASE, CrashedDriver

FAULTS = ["Fault_NullWrite", "Fault_DoubleFree", "Fault_PoolOverrun", "Fault_UseAfterFree"]
ELSEWHERE = 0xFFFFF80099990000


def report_of(driver: Path, function: str, base: int = BASE, bugcheck: Bugcheck | None = None) -> CrashReport:
    crashed = CrashedDriver(driver, function, base)
    scene = crashed.scene(bugcheck, None if bugcheck else ACCESS_VIOLATION)
    return make_report(scene, crashed.symbols(scene))


def signature_of(driver: Path, function: str, base: int = BASE, bugcheck: Bugcheck | None = None) -> Signature:
    return report_of(driver, function, base, bugcheck).signature


def test_it_names_the_fault_and_the_calls_that_led_there() -> None:
    signature = signature_of(BUILD / "example-fault.sys", "Fault_DoubleFree", bugcheck=Bugcheck(0xC2, (7, 0, 1, 2)))
    assert signature.text == "BAD_POOL_CALLER/0x7 example-fault!Fault_DoubleFree < Fault_Commit < Control_Fault"
    assert re.fullmatch("[0-9a-f]{8}", signature.hash)


def test_different_faults_have_different_signatures() -> None:
    assert len({signature_of(BUILD / "example-fault.sys", each).hash for each in FAULTS}) == len(FAULTS)


def test_the_address_and_the_other_parameters_do_not_matter() -> None:
    driver = BUILD / "example-fault.sys"
    one = signature_of(driver, "Fault_DoubleFree", BASE, Bugcheck(0xC2, (7, 0, 1, 2)))
    other = signature_of(driver, "Fault_DoubleFree", ELSEWHERE, Bugcheck(0xC2, (7, 0, 99, 0xFFFF)))
    assert one == other
    assert one != signature_of(driver, "Fault_DoubleFree", BASE, Bugcheck(0xC2, (0xA, 0, 1, 2)))


@pytest.mark.slow
@pytest.mark.parametrize("optimisation", ["-O0", "-O2"])
def test_a_build_with_other_optimisation_and_padding_has_the_same_signatures(optimisation: str, tmp_path: Path) -> None:
    tree = copy_sources(tmp_path / "driver")
    fault = tree / "kernel" / "fault.c"
    padding = "__attribute__((used)) static int Padding(int a) { return a * a + 77; }\n\n\n"
    marker = "EXAMPLE_PAGED static VOID\nFault_NullWrite"
    assert marker in fault.read_text()
    fault.write_text(fault.read_text().replace(marker, padding + marker))
    form = f"FORM_example-fault=-DEXAMPLE_IO_BUFFERED=1 -DEXAMPLE_FAULTS=1 {optimisation} -Wno-error"
    make(tree, "build/example-fault.sys", "build/example-fault.pdb", form)
    for function in FAULTS:
        here = report_of(BUILD / "example-fault.sys", function)
        there = report_of(tree / "build" / "example-fault.sys", function, ELSEWHERE)
        assert there.signature == here.signature
        assert there.culprit
        assert here.culprit
        assert (there.culprit.module_offset, there.culprit.line) != (here.culprit.module_offset, here.culprit.line)
