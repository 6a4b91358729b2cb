"""From an image that counts to the lines that ran. The image is a real one, small."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.cli import run
from lab.coverage.counted import CountedImage, read_counted
from lab.coverage.lines import cover, merge
from lab.coverage.record import CoverageRecord, read_record
from lab.coverage.report import ranges, text_report, write_html
from lab.coverage.told import told_counts
from lab.errors import UsageError

ROOT = Path(__file__).parents[2]
PRELUDE = """\
#include <intrin.h>
#define InterlockedBitTestAndSet Wdm_InterlockedBitTestAndSet
#define InterlockedBitTestAndReset Wdm_InterlockedBitTestAndReset
"""
"""As driver/kernel/common.h has it."""
SOURCE = """\
#include <ntddk.h>
static NTSTATUS Choose(ULONG Number)
{
    if (Number > 5) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}
NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    return Choose(DriverObject->Flags + RegistryPath->Length);
}
"""
CHOOSE = {3: 1, 4: 1, 5: 0, 6: 0, 7: 1, 8: 1}
"""How often each of its lines ran when it was called once, with a small number."""

HEADERS = "/usr/share/mingw-w64/include"
COMPILE = (
    "clang --target=x86_64-w64-windows-gnu -fms-extensions -ffreestanding -mno-stack-arg-probe -O1 "
    f"-isystem {HEADERS} -isystem {HEADERS}/ddk"
).split()
COUNTED = ["-fprofile-instr-generate", "-fcoverage-mapping", "-fcoverage-compilation-dir=."]
LINK = [
    "lld-link",
    "/driver",
    "/subsystem:native",
    "/entry:Coverage_DriverEntry",
    "/nodefaultlib",
    "/opt:noref",
    "/out:small.sys",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds small.c and the image that was made of it."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "prelude.h").write_text(PRELUDE)
    (folder / "small.c").write_text(SOURCE)
    told = ROOT / "driver" / "coverage" / "coverage.c"
    for command in (
        [*COMPILE, *COUNTED, "-include", "prelude.h", "-c", "small.c"],
        [*COMPILE, '-DCOVERAGE_NAME="small"', "-c", str(told)],
        [*LINK, "small.o", "coverage.o", "/usr/x86_64-w64-mingw32/lib/libntoskrnl.a"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    return folder


@pytest.fixture
def image(folder: Path) -> CountedImage:
    return read_counted(folder / "small.sys")


def called_once(image: CountedImage) -> list[int]:
    """Both functions ran once; the second counter of Choose, that of the number that is too large, stays 0."""
    counts = [0] * image.counters
    for function in image.functions:
        counts[function.first] = 1
    return counts


def record(folder: Path, image: CountedImage) -> CoverageRecord:
    scenarios = {"once": {"small": called_once(image)}, "never": {"small": [0] * image.counters}}
    return CoverageRecord(folder, {"small": folder / "small.sys"}, scenarios)


def test_the_functions_of_an_image_have_their_counters(image: CountedImage) -> None:
    assert sorted((each.name, each.count) for each in image.functions) == [("DriverEntry", 1), ("small.c:Choose", 2)]
    assert sorted(index for each in image.functions for index in range(each.first, each.first + each.count)) == [
        0,
        1,
        2,
    ]


def test_lines_and_branches_that_ran(folder: Path, image: CountedImage) -> None:
    (file,) = [file for name, file in cover(image.path, called_once(image), folder).items() if name == "small.c"]
    assert {line: count for line, count in file.lines.items() if line <= 8} == CHOOSE
    assert (file.missed_lines, file.missed_branches) == ([5, 6], [4])


def test_a_line_ran_if_it_ran_in_any_run(folder: Path, image: CountedImage) -> None:
    coverage = cover(image.path, [0] * image.counters, folder)
    assert sum(coverage["small.c"].lines.values()) == 0.0
    merge(coverage, cover(image.path, called_once(image), folder))
    assert coverage["small.c"].missed_lines == [5, 6]


def test_counters_of_another_build_are_refused(folder: Path, image: CountedImage) -> None:
    with pytest.raises(UsageError, match="has 3 counters, the driver that ran had 4"):
        cover(image.path, [0] * 4, folder)


def test_an_image_that_does_not_count_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="was not built to count"):
        read_counted(folder / "small.o")
    with pytest.raises(UsageError, match="cannot be read"):
        read_counted(folder / "none.sys")


def test_what_drivers_tell_is_added_up_and_what_is_none_of_it_is_not() -> None:
    told = "noise\nlab-coverage one 0 of 18: " + " ".join(["00000001"] * 16) + "\n"
    told += "lab-coverage one 16 of 18: 00000002 ffffffff\nlab-coverage one 17 of 18: 00000001 00000001\n"
    assert told_counts([told, told]) == {"one": [2] * 16 + [4, 0x1FFFFFFFE]}
    assert told_counts(["lab-coverage one 0 of 99999999: 00000001\nlab-coverage one 0 of 1: 0000000g\n"]) == {}


def test_a_run_is_read_back_and_reported(
    folder: Path, image: CountedImage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = record(folder, image).save(tmp_path)
    assert read_record(written) == record(folder, image)
    assert run(["coverage", str(tmp_path), "--html", str(tmp_path / "html")]) == 0
    report = capsys.readouterr().out
    assert "small.c" in report
    assert "5-6, b4" in report
    assert 'class="missed"><td class="n">5' in (tmp_path / "html" / "small.c.html").read_text()
    assert run(["coverage", str(tmp_path), "--scenario", "never", "--fail-under", "1"]) == 1
    assert run(["coverage", str(tmp_path / "nothing")]) == 2


def test_what_is_left_out_is_shown_and_does_not_count(
    folder: Path, image: CountedImage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = record(folder, image)
    rest = text_report(own.coverage()).splitlines()[-1].split()
    own.without = ("small.c", "no-such.c")
    assert read_record(own.save(tmp_path)) == own
    assert run(["coverage", str(tmp_path), "--fail-under", "80"]) == 1
    (file,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("small.c")]
    assert file.endswith("left out")
    all_lines = int(text_report(own.coverage()).splitlines()[-1].split()[1])
    assert all_lines == int(rest[1]) - int(file.split()[1])


def test_text_of_sources_is_no_markup(folder: Path, image: CountedImage, tmp_path: Path) -> None:
    coverage = record(folder, image).coverage()
    assert "all" in text_report(coverage)
    write_html(coverage, folder, tmp_path)
    assert "#include &lt;ntddk.h&gt;" in (tmp_path / "small.c.html").read_text()


def test_ranges() -> None:
    assert ranges([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10"
