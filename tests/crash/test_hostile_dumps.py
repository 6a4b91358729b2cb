"""Damaged, cut off and hostile dumps: a clear error or a note, soon, and nothing else."""

from __future__ import annotations

import gzip
import os
import re
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from symbols.memory import BUILD

from lab.crash.dump_file import BadDumpError
from lab.crash.kernel_header import SIZE
from lab.crash.open_dump import open_dump
from lab.crash.report import make_report
from lab.crash.scene_symbols import scene_symbols
from lab.errors import LabError, UsageError

from .crashed_machine import CrashedMachine
from .test_minidumps import LINUX, WINDOWS, WINE
from .writers import ALL_DUMPS

PATIENCE = 5.0
_HEADERS = 0x2400
_KINDS = [*ALL_DUMPS, "windows", "linux", "wine"]


def original(kind: str, machine: CrashedMachine, path: Path) -> bytes:
    match kind:
        case "windows":
            return WINDOWS.read_bytes()
        case "linux":
            return LINUX.read_bytes()
        case "wine":
            return gzip.decompress(WINE.read_bytes())
    ALL_DUMPS[kind](machine, path)
    return path.read_bytes()


@pytest.fixture(scope="session")
def originals(machine: CrashedMachine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    path = tmp_path_factory.mktemp("originals") / "dump"
    return {kind: original(kind, machine, path) for kind in _KINDS}


def explained_or_refused(path: Path) -> None:
    """All that `lab crash show` does."""
    start = time.thread_time()
    try:
        scene = open_dump(path)
        report = make_report(scene, scene_symbols(scene, [BUILD]))
        assert report.text()
        assert report.to_json()
    except LabError as error:
        told = str(error)
    else:
        told = str(path)
    assert str(path) in told
    assert time.thread_time() - start < PATIENCE


PIECES = st.one_of(
    st.binary(min_size=1, max_size=8),
    st.sampled_from([b"\xff" * 4, b"\xff" * 8, bytes(4), bytes(8), b"\xff\xff\xff\x7f", b"\x01\x00\x00\x00"]),
)
CHANGES = st.lists(st.tuples(st.integers(0, _HEADERS) | st.integers(0, 1 << 20), PIECES), max_size=12)


def change_and_open(data: bytes, changes: list[tuple[int, bytes]], kept: float | None, path: Path) -> None:
    raw = bytearray(data)
    for at, piece in changes:
        raw[at % len(raw) : at % len(raw) + len(piece)] = piece
    path.write_bytes(raw if kept is None else raw[: int(kept * len(raw))])
    explained_or_refused(path)


ANY_CHANGE = given(kind=st.sampled_from(_KINDS), changes=CHANGES, kept=st.none() | st.floats(0, 1))
OFTEN = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ANY_CHANGE
@settings(OFTEN, max_examples=60)
def test_whatever_is_changed_or_cut_off_ends_well(
    originals: dict[str, bytes], tmp_path: Path, kind: str, changes: list[tuple[int, bytes]], kept: float | None
) -> None:
    change_and_open(originals[kind], changes, kept, tmp_path / "changed.dmp")


@pytest.mark.slow
@ANY_CHANGE
@settings(OFTEN, max_examples=1500)
def test_and_many_more(
    originals: dict[str, bytes], tmp_path: Path, kind: str, changes: list[tuple[int, bytes]], kept: float | None
) -> None:
    change_and_open(originals[kind], changes, kept, tmp_path / "changed.dmp")


@pytest.mark.parametrize(
    ("kind", "at", "data", "told"),
    [
        ("full", 0x30, b"\x34\x12\0\0", r"at 0x30: the machine type is 0x1234"),
        ("full", 0x88, b"\xff\xff\xff\xff", r"at 0x88: the header claims 4294967295 runs of physical memory, 1 to 42"),
        ("full", 0x98, b"\xff" * 8, r"at 0x2000: a run of 0x\w+ pages at page 0xffffffffffffffff lies behind all"),
        ("full", 0xF98, b"\x63\0\0\0", r"at 0xf98: dump type 99 is none that is known"),
        ("bitmap-kernel", 0x2000, b"JUNK", r"at 0x2000: the bitmap's header begins with b'JUNKDUMP'"),
        ("bitmap-kernel", 0x2030, b"\xff" * 7, r"at 0x2038: a bitmap of 0x\w+ bytes"),
        ("bitmap-kernel", 0x2030, struct.pack("<Q", 1 << 24), r"at 0x2038: the bitmap ends at 0x202038, behind the"),
        ("summary", 0x2014, b"\x01\0\0\0", r"at 0x2028: the bitmap has \d+ pages, its header says 1"),
        ("ranges-kernel", 0x2004, b"JUNK", r"at 0x2000: the header of the page ranges has b'JUNKDUMP'"),
        ("windows", 0x8, b"\xff\xff\xff\x7f", r"at 0x8: the header claims 2147483647 streams"),
        ("windows", 0xC, b"\xff\xff\xff\x7f", r"at 0x7fffffff: the directory of streams: 0x\w+ bytes, but"),
        ("windows", 0x7C0, b"\xff\xff\xff\x7f", r"at 0x7c0: the list of modules has 2147483647 entries"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_the_offset(
    originals: dict[str, bytes], tmp_path: Path, kind: str, at: int, data: bytes, told: str
) -> None:
    path = tmp_path / "bad.dmp"
    raw = bytearray(originals[kind])
    raw[at : at + len(data)] = data
    path.write_bytes(raw)
    with pytest.raises(BadDumpError, match=re.escape(f"{path}: ") + told) as error:
        open_dump(path)
    assert error.value.exit_code == 2
    assert error.value.advice


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "the file is empty"),
        (bytes(100), "begins with zeros"),
        (b"PAGEDU64", "at 0x0: the header of a kernel dump: 0x2000 bytes, but the file ends at 0x8"),
        (b"MDMP", "at 0x0: the header of a minidump: 0x18 bytes, but the file ends at 0x4"),
        (b"PAGEDUMP" * 20, "a kernel dump of a 32-bit machine"),
        (b"\x7fELF" * 20, "an ELF file"),
        (b"MZ" * 20, "a program, not a dump"),
        (b"hello world", "begins with b'hello wo': no dump"),
        (gzip.compress(b"hello world", mtime=0), "what is packed in it begins with b'hello wo': no dump"),
        (gzip.compress(b"MDMP" + os.urandom(5000))[:3000], "cannot be unpacked"),
        (zstandard.ZstdCompressor().compress(b"MDMP" + os.urandom(5000))[:3000], "at 0x"),
        (b"\x28\xb5\x2f\xfd" + os.urandom(100), "cannot be unpacked"),
    ],
)
def test_what_is_no_dump_is_told_too(data: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "no.dmp"
    path.write_bytes(data)
    with pytest.raises(BadDumpError, match=re.escape(told)):
        open_dump(path)


def test_a_directory_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UsageError, match="is no file"):
            open_dump(path)
    with pytest.raises(UsageError, match=r"cannot read .*nothing: No such file"):
        open_dump(tmp_path / "nothing")


def test_a_dump_that_was_cut_off_still_tells_what_it_has(dump_of: Callable[[str], Path]) -> None:
    path = dump_of("full")
    size = path.stat().st_size
    os.truncate(path, size - 3 * 4096)
    scene = open_dump(path)
    assert scene.bugcheck is not None
    pages = (size - SIZE) // 4096
    assert any(f"its last 3 of {pages} pages are missing" in note for note in scene.notes)


def test_a_file_that_shrinks_while_it_is_read_has_less_memory(dump_of: Callable[[str], Path]) -> None:
    path = dump_of("full")
    scene = open_dump(path)
    assert scene.faulting is not None
    top = scene.faulting.registers["rsp"]
    assert len(scene.memory.read(top, 64)) == 64
    os.truncate(path, 0x2000)
    assert scene.memory.read(top, 64) == b""
