"""User-mode minidumps that others wrote: Breakpad on Windows and Linux, Wine."""

from __future__ import annotations

import gzip
import struct
from datetime import UTC, datetime
from pathlib import Path

import udmp_parser

from lab.crash.open_dump import open_dump
from lab.crash.scene import Scene
from lab.crash.scene_symbols import scene_symbols
from lab.symbols.unwind import unwind

DUMPS = Path(__file__).parent / "dumps"
WINDOWS, LINUX, WINE = DUMPS / "windows-x86.dmp", DUMPS / "linux-amd64.dmp", DUMPS / "nowhere.dmp.gz"


def stack(scene: Scene, directory: Path = DUMPS) -> list[tuple[str, str]]:
    assert scene.faulting is not None
    frames = unwind(scene.faulting.registers, scene.memory.read, scene_symbols(scene, [directory]))
    return [(frame.how.value, str(frame.place)) for frame in frames]


def test_a_dump_from_windows() -> None:
    scene = open_dump(WINDOWS)
    assert (scene.machine, scene.system, scene.process) == ("I386", "Windows 10.0.14393, 2 processors", "crash.exe")
    assert scene.time == datetime(2018, 3, 22, 10, 7, 53, tzinfo=UTC)
    assert scene.exception is not None
    assert (scene.exception.code, scene.exception.parameters) == (0xC0000005, (1, 0x45))
    assert scene.bugcheck is None
    first = scene.modules[0]
    assert (first.name, first.base, first.size) == ("crash.exe", 0x2A0000, 0x9000)
    assert first.pdb is not None
    assert (first.pdb.name, str(first.pdb.guid), first.pdb.age) == (
        "crash.pdb",
        "3249d99d-0c40-4931-8610-f4e4fb0b6936",
        1,
    )
    assert [each.label for each in scene.threads] == ["thread 0x664", "thread 0xdfc", "thread 0xa28", "thread 0xb68"]
    assert scene.faulting is scene.threads[0]
    assert {name: scene.threads[0].registers[name] for name in ("eip", "esp", "ebp")} == {
        "eip": 0x2A2A3D,
        "esp": 0x10FF644,
        "ebp": 0x10FF670,
    }


def test_an_exception_without_registers_of_its_own_has_those_of_its_thread(tmp_path: Path) -> None:
    raw = bytearray(WINDOWS.read_bytes())
    count, directory = struct.unpack_from("<II", raw, 8)
    streams = {kind: at for kind, _, at in struct.iter_unpack("<III", raw[directory : directory + 12 * count])}
    struct.pack_into("<I", raw, streams[6] + 164, 0)
    (tmp_path / "without.dmp").write_bytes(raw)
    scene = open_dump(tmp_path / "without.dmp")
    assert scene.faulting is not None
    assert scene.faulting.label == "thread 0x664"
    assert scene.faulting.registers["esp"] == struct.unpack_from("<I", raw, first_context(raw, streams[3]) + 0xC4)[0]


def first_context(raw: bytearray, threads: int) -> int:
    """Where the registers of the first thread in the list are."""
    return int(struct.unpack_from("<I", raw, threads + 4 + 44)[0])


def test_without_symbols_a_32_bit_stack_follows_the_frame_pointers_and_says_so() -> None:
    assert stack(open_dump(WINDOWS)) == [("stopped", "crash+0x2a3d"), ("frame pointer", "crash+0x28cf")]


def test_another_reader_sees_the_same_process() -> None:
    scene, other = open_dump(WINDOWS), udmp_parser.UserDumpParser()
    assert other.Parse(WINDOWS)
    modules = {base: (each.ModuleName, each.SizeOfImage) for base, each in other.Modules().items()}
    assert {each.base: (each.path, each.size) for each in scene.modules if not each.unloaded} == modules
    threads = {int(each.label.split()[1], 16): each.registers for each in scene.threads if not each.faulting}
    theirs = {number: each.Context for number, each in other.Threads().items() if number in threads}
    assert {number: (each["eip"], each["esp"]) for number, each in threads.items()} == {
        number: (context.Eip, context.Esp) for number, context in theirs.items()
    }


def test_a_dump_from_wine_is_unwound_by_the_image_and_named_by_its_dwarf() -> None:
    scene = open_dump(WINE)
    assert (scene.machine, scene.process) == ("AMD64", "nowhere.exe")
    assert stack(scene)[:4] == [
        ("stopped", "nowhere!write_nowhere+0x7 [/sources/nowhere.c:4]"),
        ("unwound", "nowhere!middle+0xc [/sources/nowhere.c:5]"),
        ("unwound", "nowhere!entry+0x18 [/sources/nowhere.c:6]"),
        ("unwound", "kernel32+0x27e48"),
    ]


def test_without_its_image_the_stack_of_a_dump_from_wine_is_guessed(tmp_path: Path) -> None:
    frames = stack(open_dump(WINE), tmp_path)
    assert frames[0] == ("stopped", "nowhere+0x1027")
    assert ("scanned", "nowhere+0x100c") in frames
    assert {how for how, _ in frames[1:]} == {"scanned"}


def test_a_dump_from_linux_tells_what_can_be_told() -> None:
    scene = open_dump(LINUX)
    assert scene.machine == "AMD64"
    assert scene.system.startswith("Linux 4.9.60")
    assert scene.faulting is not None
    assert scene.faulting.registers["rip"] == 0x401D72
    assert any("not from Windows" in each for each in scene.notes)


def test_a_plain_copy_of_a_packed_dump_is_the_same(tmp_path: Path) -> None:
    plain = tmp_path / "nowhere.dmp"
    plain.write_bytes(gzip.decompress(WINE.read_bytes()))
    assert stack(open_dump(plain)) == stack(open_dump(WINE))
