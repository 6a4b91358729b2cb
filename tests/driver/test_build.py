"""What `make -C driver` makes: images that Windows would load, each with the PDB that belongs to it."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pefile
import pytest

from .conftest import copy_sources, make
from .program_database import read_identity

DRIVERS = ("example-direct", "example-buffered", "example-neither", "example-fault")
PROGRAMS = ("loader", "usedriver", "usedriver2", "usedriver3", "traffic")
CODEVIEW = pefile.DEBUG_TYPE["IMAGE_DEBUG_TYPE_CODEVIEW"]
KERNEL_IMAGES = {"ntoskrnl.exe", "hal.dll"}

every_driver = pytest.mark.parametrize("driver", DRIVERS)


def image(build: Path, name: str) -> Any:
    return pefile.PE(str(build / name))


def section(pe: Any, name: bytes) -> Any:
    found = [s for s in pe.sections if s.Name.rstrip(b"\0") == name]
    assert len(found) == 1, f"{name!r} among {[s.Name for s in pe.sections]}"
    return found[0]


def imports(pe: Any) -> dict[str, set[str]]:
    return {
        entry.dll.decode().lower(): {symbol.name.decode() for symbol in entry.imports}
        for entry in pe.DIRECTORY_ENTRY_IMPORT
    }


@every_driver
def test_is_a_native_image_for_x64(build: Path, driver: str) -> None:
    pe = image(build, f"{driver}.sys")
    assert pe.FILE_HEADER.Machine == pefile.MACHINE_TYPE["IMAGE_FILE_MACHINE_AMD64"]
    assert pe.OPTIONAL_HEADER.Subsystem == pefile.SUBSYSTEM_TYPE["IMAGE_SUBSYSTEM_NATIVE"]
    assert pe.OPTIONAL_HEADER.AddressOfEntryPoint != 0


@every_driver
def test_has_the_checksum_that_windows_computes(build: Path, driver: str) -> None:
    pe = image(build, f"{driver}.sys")
    assert pe.OPTIONAL_HEADER.CheckSum != 0
    assert pe.verify_checksum()


@every_driver
def test_names_its_own_pdb(build: Path, driver: str) -> None:
    pe = image(build, f"{driver}.sys")
    (pointer,) = [d.struct.PointerToRawData for d in pe.DIRECTORY_ENTRY_DEBUG if d.struct.Type == CODEVIEW]
    record = pe.__data__[pointer:]
    identity = read_identity(build / f"{driver}.pdb")
    assert record[:4] == b"RSDS"
    assert uuid.UUID(bytes_le=bytes(record[4:20])) == identity.guid
    assert struct.unpack_from("<I", record, 20) == (identity.age,)
    path = record[24 : record.find(b"\0", 24)]
    assert path == f"{driver}.pdb".encode(), "a path of the building machine has no business here"


@every_driver
def test_entry_is_in_a_discardable_init_section(build: Path, driver: str) -> None:
    pe = image(build, f"{driver}.sys")
    init = section(pe, b"INIT")
    assert init.IMAGE_SCN_MEM_DISCARDABLE
    assert init.IMAGE_SCN_MEM_EXECUTE
    assert init.contains_rva(pe.OPTIONAL_HEADER.AddressOfEntryPoint)


@every_driver
def test_dispatch_code_is_pageable(build: Path, driver: str) -> None:
    page = section(image(build, f"{driver}.sys"), b"PAGE")
    assert page.IMAGE_SCN_MEM_EXECUTE
    assert not page.IMAGE_SCN_MEM_DISCARDABLE
    assert page.Misc_VirtualSize > 0


@every_driver
def test_no_section_is_writable_and_executable(build: Path, driver: str) -> None:
    for found in image(build, f"{driver}.sys").sections:
        assert not (found.IMAGE_SCN_MEM_WRITE and found.IMAGE_SCN_MEM_EXECUTE), found.Name


@every_driver
def test_imports_from_the_kernel_only(build: Path, driver: str) -> None:
    assert set(imports(image(build, f"{driver}.sys"))) <= KERNEL_IMAGES


def test_each_driver_reaches_data_in_its_own_way(build: Path) -> None:
    needs = {name: imports(image(build, f"{name}.sys"))["ntoskrnl.exe"] for name in DRIVERS}
    guarded = {"ProbeForRead", "ProbeForWrite", "__C_specific_handler"}
    assert guarded <= needs["example-neither"]
    assert "MmMapLockedPagesSpecifyCache" in needs["example-direct"]
    for name in ("example-direct", "example-buffered"):
        assert not guarded & needs[name]


def test_images_differ_from_each_other(build: Path) -> None:
    digests = {hashlib.sha256((build / f"{name}.sys").read_bytes()).hexdigest() for name in DRIVERS}
    assert len(digests) == len(DRIVERS)


def test_faults_are_in_the_fault_build_only(build: Path) -> None:
    for name in DRIVERS:
        data = (build / f"{name}.sys").read_bytes()
        faulty = name == "example-fault"
        assert (b"Example_Fault Called" in data) == faulty
        assert (b"burst %lu of %lu" in data) == faulty
        assert ("KeBugCheckEx" in imports(image(build, f"{name}.sys"))["ntoskrnl.exe"]) == faulty


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_are_console_programs(build: Path, program: str) -> None:
    pe = image(build, f"{program}.exe")
    assert pe.FILE_HEADER.Machine == pefile.MACHINE_TYPE["IMAGE_FILE_MACHINE_AMD64"]
    assert pe.OPTIONAL_HEADER.Subsystem == pefile.SUBSYSTEM_TYPE["IMAGE_SUBSYSTEM_WINDOWS_CUI"]


def test_a_second_make_builds_nothing(source_tree: Path) -> None:
    assert "Nothing to be done" in make(source_tree)


@pytest.mark.slow
def test_the_same_sources_give_the_same_image_elsewhere(build: Path, tmp_path: Path) -> None:
    tree = copy_sources(tmp_path / "elsewhere")
    make(tree, "build/example-buffered.sys")
    rebuilt = (tree / "build" / "example-buffered.sys").read_bytes()
    assert rebuilt == (build / "example-buffered.sys").read_bytes()


@pytest.mark.slow
def test_the_stricter_build_is_another_image(source_tree: Path, build: Path) -> None:
    make(source_tree, "ADMIN_ONLY=1", "build/admin-only/example-buffered.sys")
    strict = build / "admin-only" / "example-buffered.sys"
    assert strict.read_bytes() != (build / "example-buffered.sys").read_bytes()


@pytest.mark.parametrize("content", [b"", b"MZ", b"MZ" + bytes(200), b"\x7fELF" + bytes(200)])
def test_checksum_refuses_what_is_no_image(source_tree: Path, tmp_path: Path, content: bytes) -> None:
    linked, target = tmp_path / "linked", tmp_path / "target"
    linked.write_bytes(content)
    done = subprocess.run(
        [sys.executable, str(source_tree / "image_checksum.py"), str(linked), str(target)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "not a PE image" in done.stderr
    assert "Traceback" not in done.stderr
    assert not target.exists()
