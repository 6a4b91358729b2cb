"""Reports of crashes in the real driver, of which the test lays out the stack."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from driver_source import line_of
from symbols.memory import BUILD

from lab.crash.report import CrashReport, make_report
from lab.crash.scene import ExceptionRecord, NoMemory, Scene, SceneModule, SceneThread
from lab.kd.bugcheck import Bugcheck
from lab.symbols.symbols import Symbols

from .crashed_driver import ACCESS_VIOLATION, BASE, STACK, CrashedDriver

DRIVER = BUILD / "example-fault.sys"
SOURCES = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def null_write() -> CrashedDriver:
    return CrashedDriver(DRIVER, "Fault_NullWrite")


def explained(driver: CrashedDriver, scene: Scene) -> CrashReport:
    return make_report(scene, driver.symbols(scene), [SOURCES])


def test_the_headline_names_the_function_and_the_line(null_write: CrashedDriver) -> None:
    bugcheck = Bugcheck(0xA, (0, 2, 1, BASE + null_write.fault))
    report = explained(null_write, null_write.scene(bugcheck))
    line = line_of("Fault_NullWrite", "*nowhere = 1")
    assert report.headline == f"IRQL_NOT_LESS_OR_EQUAL (0xA) in example-fault!Fault_NullWrite fault.c:{line}"
    assert any(each.here and each.text.strip() == "*nowhere = 1;" for each in report.excerpt)


def test_the_stack_shows_inlined_calls_and_their_lines(null_write: CrashedDriver) -> None:
    report = explained(null_write, null_write.scene(exception=ACCESS_VIOLATION))
    assert report.faulting
    names = [call.name for call in report.faulting.calls[:5]]
    assert names == [
        "example-fault!Fault_NullWrite",
        "example-fault!Fault_Commit",
        "example-fault!Control_Fault",
        "example-fault!Control_Perform",
        "example-fault!Example_DeviceControl",
    ]
    assert report.faulting.calls[0].inlined
    assert not any(call.guessed for call in report.faulting.calls)
    assert report.faulting.calls[4].where.startswith("driver/kernel/dispatch.c:")


def test_the_text_says_everything_on_a_page(null_write: CrashedDriver) -> None:
    bugcheck = Bugcheck(0xD1, (0x10, 2, 1, BASE + null_write.fault))
    scene = replace(
        null_write.scene(bugcheck, ACCESS_VIOLATION),
        time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        system="Windows 10",
        facts={"uptime": "12 s"},
        notes=("nobody kept the paged pool",),
    )
    text = explained(null_write, scene).text()
    for part in (
        "DRIVER_IRQL_NOT_LESS_OR_EQUAL (0xD1) in example-fault!Fault_NullWrite",
        "2  00000000`00000002  IRQL: DISPATCH_LEVEL",
        "4  fffff800`1123",
        "access violation writing 0x0",
        "*nowhere = 1;",
        "stack of processor 0 (the one that crashed)",
        "rip=fffff800`1123",
        "example-fault.sys",
        "2026-01-02 03:04:05 UTC",
        "Windows 10",
        "uptime     12 s",
        "nobody kept the paged pool",
        "signature  ",
    ):
        assert part in text
    assert text.count("\n") < 70


def test_the_json_can_be_read_back(null_write: CrashedDriver) -> None:
    report = explained(null_write, null_write.scene(Bugcheck(0xE2, (1, 2, 3, 4)), ACCESS_VIOLATION))
    value = json.loads(json.dumps(report.to_json()))
    assert value["v"] == 1
    assert value["headline"] == report.headline
    assert value["signature"] == {"hash": report.signature.hash, "text": report.signature.text}
    assert value["bugcheck"]["name"] == "MANUALLY_INITIATED_CRASH"
    assert value["exception"]["what"] == "access violation writing 0x0"
    assert value["culprit"]["function"] == "Fault_NullWrite"
    assert value["stacks"][0]["frames"][0]["how"] == "stopped"
    assert value["registers"]["rip"] == BASE + null_write.fault


def test_the_context_that_the_bug_check_names_is_where_it_happened(null_write: CrashedDriver) -> None:
    """The processor stands in the kernel, that died of it; the record at parameter 4 knows the driver."""
    records = STACK - 0x10000
    context = bytearray(1232)
    struct.pack_into("<Q", context, 0xF8, null_write.registers["rip"])
    struct.pack_into("<Q", context, 0x98, null_write.registers["rsp"])
    exception = struct.pack("<IIQQI4x15Q", 0xC0000005, 0, 0, null_write.registers["rip"], 2, 0, 0x18, *[0] * 13)
    pieces = null_write.scene().memory
    memory = type(pieces)({**pieces.pieces, records: bytes(context), records + 0x1000: exception})  # type: ignore[attr-defined,call-arg]
    bugcheck = Bugcheck(0x7E, (0xFFFFFFFFC0000005, null_write.registers["rip"], records + 0x1000, records))
    thread = SceneThread("processor 0", {"rip": 0xFFFFF80000401000, "rsp": 0x1000}, faulting=True)
    scene = replace(null_write.scene(bugcheck), memory=memory, threads=(thread,))
    report = explained(null_write, scene)
    assert "in example-fault!Fault_NullWrite" in report.headline
    assert report.registers["rip"] == null_write.registers["rip"]
    assert "access violation reading 0x18" in report.text()
    assert any("CONTEXT record" in note for note in report.notes)


def test_without_symbols_module_and_offset_are_told(null_write: CrashedDriver) -> None:
    scene = null_write.scene(exception=ACCESS_VIOLATION)
    report = make_report(scene, Symbols([]))
    assert report.headline.startswith("STATUS_ACCESS_VIOLATION")
    unloaded = replace(scene, modules=(replace(scene.modules[0], unloaded=True),))
    report = make_report(unloaded, null_write.symbols(unloaded))
    assert f"example-fault.sys+{null_write.fault:#x} (unloaded)" in report.text()


def test_a_routine_that_the_guest_does_not_have_is_named(null_write: CrashedDriver) -> None:
    names = STACK - 0x20000
    pieces = null_write.scene().memory
    memory = type(pieces)({**pieces.pieces, names: b"ntoskrnl.exe\0IoNothing\0"})  # type: ignore[attr-defined,call-arg]
    for routine, name in ((names + 13, "IoNothing"), (7, "#7")):
        scene = null_write.scene(exception=ExceptionRecord(0x80000100, 1, 0, (names, routine)))
        report = explained(null_write, replace(scene, memory=memory))
        assert f", the guest has no ntoskrnl.exe!{name}, in example-fault!Fault_NullWrite" in report.headline
        assert "call of a routine that the driver imports" in report.text()


def test_a_scene_of_which_nothing_is_known_gives_a_report_all_the_same() -> None:
    report = make_report(Scene("nothing", "ARM64", NoMemory()), Symbols([]))
    assert report.headline == "stopped"
    assert "nothing" in report.text()
    json.dumps(report.to_json())


def test_a_hang_shows_who_waits_for_what(null_write: CrashedDriver) -> None:
    thread = SceneThread("thread 0x1a4", null_write.registers, waits_for="a mutex")
    scene = replace(null_write.scene(), threads=(SceneThread("thread 0x10", {}), thread))
    report = explained(null_write, scene)
    assert report.headline.startswith("stopped in example-fault!Fault_NullWrite")
    assert "stack of thread 0x1a4 (waits for a mutex)" in report.text()


def test_what_the_target_says_is_bounded_and_printable(null_write: CrashedDriver) -> None:
    evil = "\x1b[31m<script>\n" * 1000
    module = SceneModule(evil, evil, 0x5000, 0x1000)
    threads = tuple(SceneThread(evil, {"rip": 0x5010, "rsp": 0}, waits_for=evil, faulting=not i) for i in range(500))
    scene = Scene(evil, "AMD64", NoMemory(), system=evil, process=evil, modules=(module,) * 5000, threads=threads)
    scene = replace(scene, facts={evil: evil}, notes=(evil,) * 3, bugcheck=Bugcheck(0xA, (0, 0, 0, 0x5010)))
    report = make_report(scene, null_write.symbols(scene))
    text = report.text()
    assert "\x1b" not in text
    assert "\x1b" not in json.dumps(report.to_json())
    assert len(text) < 200_000


def test_the_source_is_looked_for_in_the_given_directories_alone(null_write: CrashedDriver, tmp_path: Path) -> None:
    scene = null_write.scene(exception=ACCESS_VIOLATION)
    assert make_report(scene, null_write.symbols(scene), [tmp_path]).excerpt == ()
    link = tmp_path / "driver"
    link.symlink_to(SOURCES / "driver")
    assert make_report(scene, null_write.symbols(scene), [tmp_path]).excerpt == ()
