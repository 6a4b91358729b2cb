"""Files from the disk of a machine that is off."""

from __future__ import annotations

import contextlib
import lzma
import os
import struct
import subprocess
from pathlib import Path

import pytest

from lab.crash.disk_files import posix_path
from lab.crash.offline_disk import fetch_from_disk
from lab.errors import HungError, InfrastructureError

from .test_minidumps import DUMPS

PARTITION = 2048
"""Sectors before the file system."""
MEMORY_DUMP = b"".join(i.to_bytes(4, "little") * 1024 for i in range(64))


def write_disk(path: Path) -> None:
    """An MBR with an empty first partition and one of NTFS, as a Windows installation has them."""
    system = lzma.decompress((DUMPS / "ntfs.img.xz").read_bytes())
    table = bytearray(512)
    struct.pack_into("<B3xB3xII", table, 446, 0x80, 7, 64, 256)
    struct.pack_into("<B3xB3xII", table, 462, 0, 7, PARTITION, len(system) // 512)
    table[510:] = b"\x55\xaa"
    path.write_bytes(bytes(table).ljust(PARTITION * 512, b"\0") + system)


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """As the lab has disks: an empty overlay over a base image."""
    write_disk(tmp_path / "disk.raw")
    run = ["qemu-img", "convert", "-O", "qcow2", "disk.raw", "base.qcow2"]
    subprocess.run(run, cwd=tmp_path, check=True)
    (tmp_path / "disk.raw").unlink()
    make = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "base.qcow2", "over,lay.qcow2"]
    subprocess.run(make, cwd=tmp_path, check=True)
    return tmp_path / "over,lay.qcow2"


@pytest.mark.parametrize(
    ("guest_path", "content"),
    [
        (r"C:\Windows\MEMORY.DMP", MEMORY_DUMP),
        (r"c:\WINDOWS\memory.dmp", MEMORY_DUMP),
        (r"C:\Windows\Minidump\112126-4234-01.dmp", b"PAGEDU64 small enough to lie in the file table"),
        ("/Windows/sparse.bin", bytes(1 << 20) + b"end"),
    ],
)
def test_a_file_is_copied_out_of_the_disk(overlay: Path, tmp_path: Path, guest_path: str, content: bytes) -> None:
    assert fetch_from_disk(overlay, guest_path, tmp_path / "file") == len(content)
    assert (tmp_path / "file").read_bytes() == content
    assert not (tmp_path / "file.partial").exists()


@pytest.mark.slow
def test_a_raw_disk_and_one_without_partitions(tmp_path: Path) -> None:
    write_disk(tmp_path / "disk.raw")
    assert fetch_from_disk(tmp_path / "disk.raw", r"C:\Windows\MEMORY.DMP", tmp_path / "a") == len(MEMORY_DUMP)
    (tmp_path / "bare.raw").write_bytes(lzma.decompress((DUMPS / "ntfs.img.xz").read_bytes()))
    assert fetch_from_disk(tmp_path / "bare.raw", r"C:\Windows\MEMORY.DMP", tmp_path / "b") == len(MEMORY_DUMP)


@pytest.mark.slow
def test_a_disk_that_a_stopped_machine_holds(overlay: Path, tmp_path: Path) -> None:
    command = ["qemu-system-x86_64", "-S", "-display", "none", "-nodefaults", "-m", "16"]
    name = str(overlay).replace(",", ",,")
    with subprocess.Popen([*command, "-drive", f"file={name},if=ide,format=qcow2", "-qmp", "stdio"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as machine:  # fmt: skip
        try:
            assert machine.stdout
            machine.stdout.readline()
            assert fetch_from_disk(overlay, r"C:\Windows\MEMORY.DMP", tmp_path / "file") == len(MEMORY_DUMP)
        finally:
            machine.kill()


def test_what_is_not_there_is_told_and_leaves_nothing(overlay: Path, tmp_path: Path) -> None:
    target = tmp_path / "file"
    with pytest.raises(InfrastructureError, match=r"no C:\\Windows\\NO.DMP on it \(1 searched\)"):
        fetch_from_disk(overlay, r"C:\Windows\NO.DMP", target)
    with pytest.raises(InfrastructureError, match="is there, but no plain file"):
        fetch_from_disk(overlay, r"C:\Windows", target)
    (tmp_path / "empty.raw").write_bytes(bytes(1 << 20))
    with pytest.raises(InfrastructureError, match="no file system on it"):
        fetch_from_disk(tmp_path / "empty.raw", r"C:\Windows\MEMORY.DMP", target)
    (tmp_path / "bad.qcow2").write_bytes(b"QFI\xfb" + b"\xff" * 200)
    with pytest.raises(InfrastructureError, match="cannot be opened"):
        fetch_from_disk(tmp_path / "bad.qcow2", r"C:\Windows\MEMORY.DMP", target)
    with pytest.raises(InfrastructureError, match="cannot read"):
        fetch_from_disk(tmp_path / "none.qcow2", r"C:\Windows\MEMORY.DMP", target)
    assert not target.exists()


def test_a_reader_that_takes_too_long_is_ended(overlay: Path, tmp_path: Path) -> None:
    with pytest.raises(HungError, match=r"took more than 0.05 s"):
        fetch_from_disk(overlay, r"C:\Windows\MEMORY.DMP", tmp_path / "file", deadline=0.05)
    assert not list(tmp_path.glob("file*"))


def test_a_reader_that_dies_of_the_disk_harms_nobody(
    overlay: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\nkill -SEGV $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(dying))
    with pytest.raises(InfrastructureError, match="the reader ended with signal 11"):
        fetch_from_disk(overlay, r"C:\Windows\MEMORY.DMP", tmp_path / "file")


@pytest.mark.slow
def test_a_damaged_file_system_ends_in_an_error_or_a_file(tmp_path: Path) -> None:
    whole = lzma.decompress((DUMPS / "ntfs.img.xz").read_bytes())
    for seed in range(30):
        raw = bytearray(whole)
        for at in range(seed * 37 % 4096, len(raw), 40_961 + seed * 997):
            raw[at : at + 8] = os.urandom(8)
        (tmp_path / "disk").write_bytes(raw)
        with contextlib.suppress(InfrastructureError):
            fetch_from_disk(tmp_path / "disk", r"C:\Windows\MEMORY.DMP", tmp_path / "file", deadline=20)


def test_guest_paths() -> None:
    assert posix_path(r"C:\Windows\MEMORY.DMP") == "/Windows/MEMORY.DMP"
    assert posix_path("/home/lab/x") == "/home/lab/x"
    assert posix_path("x") == "/x"
