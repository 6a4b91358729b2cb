"""Kernel dumps of each kind, of a machine whose memory is known."""

from __future__ import annotations

import gzip
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import kdmp_parser
import pytest
import zstandard
from symbols.memory import BUILD

from lab.crash.debugger_block import read_block, running_threads
from lab.crash.open_dump import open_dump
from lab.crash.scene import Scene
from lab.crash.scene_symbols import scene_symbols
from lab.kd.bugcheck import Bugcheck
from lab.symbols.unwind import How, unwind

from .crashed_machine import (
    BUGCHECK,
    DEBUGGER_DATA,
    DRIVER,
    HUGE,
    KERNEL,
    LARGE,
    MOVING,
    NAME,
    PAGE,
    PATH,
    PROCESS,
    SHARED,
    STACK,
    TIME,
    CrashedMachine,
    runs_of,
)
from .writers import ALL_DUMPS, MEMORY_DUMPS, header

STACK_OF_THE_CRASH = [
    ("stopped", "example-fault!Fault_Commit"),
    ("unwound", "example-fault!Control_Perform"),
    ("unwound", "example-fault!Example_DeviceControl"),
]


def names(scene: Scene, directory: Path = BUILD) -> list[tuple[str, str]]:
    thread = scene.faulting
    assert thread is not None
    frames = unwind(thread.registers, scene.memory.read, scene_symbols(scene, [directory]))
    return [(frame.how.value, frame.place.name.split("+")[0]) for frame in frames]


@pytest.mark.parametrize("kind", ALL_DUMPS)
def test_tells_what_died_when_and_where(kind: str, dump_of: Callable[[str], Path], machine: CrashedMachine) -> None:
    scene = open_dump(dump_of(kind))
    assert scene.bugcheck == Bugcheck(*BUGCHECK)
    assert scene.machine == "AMD64"
    assert scene.time == TIME
    assert scene.system == "Windows build 19041 (free), workstation, 2 processors"
    assert scene.process == "traffic.exe"
    assert scene.facts["up time"] == str(timedelta(hours=1, minutes=2, seconds=5))
    assert scene.exception is not None
    assert (scene.exception.code, scene.exception.parameters) == (0xC0000005, (1, 0x10))
    loaded = [(each.name, each.path, each.base, each.size) for each in scene.modules if not each.unloaded]
    assert loaded == [
        ("ntoskrnl.exe", "\\SystemRoot\\system32\\ntoskrnl.exe", KERNEL, 0x3000),
        (NAME, PATH, DRIVER, machine.image.size),
    ]
    assert scene.modules[1].timestamp == machine.image.timestamp
    assert [(each.name, each.base, each.size) for each in scene.modules if each.unloaded] == [
        ("old.sys", DRIVER - 0x20000, 0x8000)
    ]
    faulting = scene.faulting
    assert faulting is not None
    assert faulting.registers["rip"] == machine.registers[0]["rip"]


@pytest.mark.parametrize("kind", ALL_DUMPS)
def test_the_stack_is_unwound_to_function_and_line(kind: str, dump_of: Callable[[str], Path]) -> None:
    scene = open_dump(dump_of(kind))
    assert names(scene)[:3] == STACK_OF_THE_CRASH
    assert scene.faulting is not None
    frames = unwind(scene.faulting.registers, scene.memory.read, scene_symbols(scene, [BUILD]))
    assert "driver/kernel/fault.c:" in frames[0].place.source
    assert frames[3].place.name == "ntoskrnl+0x1204"


@pytest.mark.parametrize("kind", MEMORY_DUMPS)
def test_memory_is_read_through_the_page_tables(
    kind: str, dump_of: Callable[[str], Path], machine: CrashedMachine
) -> None:
    memory = open_dump(dump_of(kind)).memory
    assert memory.read(LARGE + 3 * PAGE, 15) == b"in a large page"
    assert memory.read(HUGE + 5 * PAGE, 14) == b"in a huge page"
    assert memory.read(MOVING, 12) == b"still around"
    assert memory.read(SHARED, 6) == b"shared"
    assert memory.read(DRIVER, machine.image.size)[:2] == b"MZ"
    assert len(memory.read(DRIVER, machine.image.size)) == machine.image.size


@pytest.mark.parametrize("kind", MEMORY_DUMPS)
def test_what_is_not_there_is_not_made_up(kind: str, dump_of: Callable[[str], Path]) -> None:
    memory = open_dump(dump_of(kind)).memory
    assert memory.read(LARGE, 16) == b"", "this page of the large one was not kept"
    assert memory.read(STACK + 4 * PAGE - 8, 64) == bytes(8), "nothing is mapped behind the stack"
    assert memory.read(0x1234, 8) == b""
    assert memory.read(1 << 63, 8) == b"", "no canonical address"
    assert memory.read((1 << 64) - 8, 64) == b""
    assert memory.read(-8, 8) == b""


@pytest.mark.parametrize("kind", MEMORY_DUMPS)
def test_every_processor_has_its_registers(kind: str, dump_of: Callable[[str], Path], machine: CrashedMachine) -> None:
    threads = open_dump(dump_of(kind)).threads
    assert [(each.label, each.faulting, each.registers["rip"]) for each in threads] == [
        ("processor 0", True, machine.registers[0]["rip"]),
        ("processor 1", False, machine.registers[1]["rip"]),
    ]


READ_ELSEWHERE = [each for each in MEMORY_DUMPS if each not in ("summary", "automatic")]
"""kdmp-parser reads no others."""


@pytest.mark.parametrize("kind", READ_ELSEWHERE)
def test_another_reader_sees_the_same(kind: str, dump_of: Callable[[str], Path]) -> None:
    path = dump_of(kind)
    scene, other = open_dump(path), kdmp_parser.KernelDumpParser(str(path))
    assert (other.header.BugCheckCode, tuple(other.header.BugCheckCodeParameter)) == BUGCHECK
    assert scene.faulting is not None
    assert other.context.Rip == scene.faulting.registers["rip"]
    for address in (DRIVER + 5 * PAGE, KERNEL, STACK + 2 * PAGE, LARGE + 3 * PAGE, HUGE + 5 * PAGE):
        assert bytes(other.read_virtual_page(address)) == scene.memory.read(address, PAGE)


def test_a_triage_dump_keeps_its_pieces_of_memory(dump_of: Callable[[str], Path], machine: CrashedMachine) -> None:
    memory = open_dump(dump_of("triage")).memory
    assert memory.read(machine.registers[0]["rsp"], 0x2000) == machine.stack()
    assert memory.read(0xFFFFAA0000ABC007, 100) == b"the fault"


def test_without_images_frames_are_guessed_and_say_so(dump_of: Callable[[str], Path], tmp_path: Path) -> None:
    scene = open_dump(dump_of("triage"))
    assert scene.faulting is not None
    frames = unwind(scene.faulting.registers, scene.memory.read, scene_symbols(scene, [tmp_path / "none"]))
    assert [frame.place.name.split("+")[0] for frame in frames] == ["example-fault"] * 3 + ["ntoskrnl"]
    assert [frame.how for frame in frames] == [How.STOPPED, *[How.SCANNED] * 3]


def test_an_image_of_another_build_is_refused_and_named(
    dump_of: Callable[[str], Path], machine: CrashedMachine, tmp_path: Path
) -> None:
    scene = open_dump(dump_of("triage"))
    other = tmp_path / "other"
    other.mkdir()
    raw = bytearray(machine.driver.read_bytes())
    at = int.from_bytes(raw[0x3C:0x40], "little") + 8
    raw[at : at + 4] = (machine.image.timestamp ^ 1).to_bytes(4, "little")
    (other / NAME).write_bytes(raw)
    module = scene_symbols(scene, [other]).module("example-fault")
    assert module is not None
    assert module.image is None
    assert "is another build" in module.complaints[0]


@pytest.mark.parametrize("suffix", ["gz", "zst"])
@pytest.mark.parametrize("kind", ["full", "triage"])
def test_packed_dumps_are_opened_as_well(kind: str, suffix: str, dump_of: Callable[[str], Path]) -> None:
    path = dump_of(kind)
    pack = gzip.compress if suffix == "gz" else zstandard.ZstdCompressor().compress
    packed = path.with_suffix(f".dmp.{suffix}")
    packed.write_bytes(pack(path.read_bytes()))
    assert open_dump(packed).bugcheck == Bugcheck(*BUGCHECK)
    assert names(open_dump(packed))[:3] == STACK_OF_THE_CRASH


def test_a_megabyte_of_triage_dump_opens_in_less_than_a_second(machine: CrashedMachine, tmp_path: Path) -> None:
    from .writers import write_triage

    path = tmp_path / "small.dmp"
    write_triage(machine, path, padding=1 << 20)
    start = time.process_time()
    assert names(open_dump(path))[:3] == STACK_OF_THE_CRASH
    assert time.process_time() - start < 1


@pytest.mark.parametrize("kind", ["full", "bitmap"])
def test_a_gigabyte_opens_quickly_and_is_not_read_whole(kind: str, machine: CrashedMachine, tmp_path: Path) -> None:
    path = tmp_path / "large.dmp"
    pages = (1 << 30) // PAGE
    _write_large(machine, path, kind, pages)
    assert path.stat().st_size > 1 << 30
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    assert names(open_dump(path))[:3] == STACK_OF_THE_CRASH
    assert time.process_time() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10, "KiB"


def _write_large(machine: CrashedMachine, path: Path, kind: str, pages: int) -> None:
    """All memory from page 0 on, most of it zeros that take no room, and what lies further up."""
    import struct

    present = [*range(pages), *(page for page in sorted(machine.physical) if page >= pages)]
    if kind == "full":
        start, first = bytes(header(machine, 1, runs_of(present))), 0x2000
    else:
        bits = bytearray(max(present) // 8 + 1)
        for page in present:
            bits[page // 8] |= 1 << page % 8
        first = -(-(0x2038 + len(bits)) // PAGE) * PAGE
        count = struct.pack("<4s4s24xQQQ", b"SDMP", b"DUMP", first, len(present), len(bits) * 8)
        start = bytes(header(machine, 5)) + count + bits
    with path.open("wb") as file:
        file.write(start)
        for place, page in enumerate(present):
            if page in machine.physical:
                file.seek(first + place * PAGE)
                file.write(machine.physical[page])
        file.truncate(first + len(present) * PAGE)


def test_the_processors_tell_which_threads_they_run(dump_of: Callable[[str], Path]) -> None:
    memory = open_dump(dump_of("full")).memory
    block = read_block(memory, DEBUGGER_DATA)
    assert block is not None
    assert running_threads(memory, block, 1) == {PROCESS + PAGE: 0}
    assert running_threads(memory, replace(block, processor_thread=0), 1) == {}
