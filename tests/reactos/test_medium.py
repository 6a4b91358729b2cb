"""The copy of the user's CD: what was on it, the answers, and the lab's files by names that the guest sees."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pycdlib
import pytest
from compact_disc import read_file

from lab.errors import UsageError
from vm_images.reactos.medium import check_medium, write_medium

from .pe_file import pe_file

AMD64 = pe_file(0x8664)


def write_boot_cd(
    path: Path, boot: bytes = b"", joliet: bool = False, folder: str = "reactos", level: int = 4, kernel: bytes = AMD64
) -> None:
    """What of a ReactOS boot CD the lab looks at, with names as `mkisofs -iso-level 4` writes them."""
    disc = pycdlib.PyCdlib()
    disc.new(joliet=3 if joliet else None, interchange_level=level)
    files = {"unattend.inf": b"UnattendSetupEnabled = no", "txtsetup.sif": b"[Version]"}
    if kernel:
        files["system32/ntoskrnl.exe"] = kernel

    def names(name: str) -> dict[str, Any]:
        iso = name if level == 4 else name.upper() + ";1" * ("." in name)
        return {"iso_path": f"/{iso}"} | ({"joliet_path": f"/{name}"} if joliet else {})

    for each in (folder, f"{folder}/system32"):
        disc.add_directory(**names(each))
    for name, content in files.items():
        disc.add_fp(io.BytesIO(content), len(content), **names(f"{folder}/{name}"))
    if boot:
        disc.add_fp(io.BytesIO(boot), len(boot), **names("boot.bin"))
        disc.add_eltorito("/boot.bin", bootcatfile="/boot.cat", boot_load_size=len(boot) // 512)
    disc.write(str(path))
    disc.close()


@pytest.fixture(params=["", "joliet"])
def tree(request: pytest.FixtureRequest) -> str:
    """Which names of a CD are read."""
    return f"{request.param or 'iso'}_path"


@pytest.fixture
def cd(tmp_path: Path, tree: str) -> Path:
    write_boot_cd(tmp_path / "boot.iso", joliet=tree == "joliet_path")
    files = {r"C:\lab\bin\traffic.exe": b"program", r"C:\lab\drivers\example-direct.sys": b"driver"}
    write_medium(tmp_path / "boot.iso", tmp_path / "copy.iso", files)
    return tmp_path / "copy.iso"


def test_the_lab_s_files_have_their_places(cd: Path, tree: str) -> None:
    assert read_file(cd, "lab/bin/traffic.exe", tree) == b"program"
    assert read_file(cd, "lab/drivers/example-direct.sys", tree) == b"driver"
    assert read_file(cd, "reactos/txtsetup.sif", tree) == b"[Version]"


def test_setup_asks_nothing_and_starts_the_script_at_the_first_logon(cd: Path, tree: str) -> None:
    text = read_file(cd, "reactos/unattend.inf", tree).decode()
    assert "UnattendSetupEnabled = yes\r\n" in text
    assert text.endswith("[GuiRunOnce]\r\n" + r"%SystemRoot%\system32\cmd.exe /c D:\lab\run.cmd" + "\r\n")


def test_what_the_script_says_goes_to_the_second_serial_port(cd: Path, tree: str) -> None:
    lines = read_file(cd, "lab/run.cmd", tree).decode().split("\r\n")
    assert r"C:\lab\bin\traffic.exe run C:\lab\run\script.txt > COM2 2>&1" in lines
    assert "echo LAB-END %ERRORLEVEL% > COM2" in lines


@pytest.mark.parametrize(
    ("folder", "level", "words"), [("other", 4, "no folder reactos"), ("reactos", 3, "those are ISO 9660:1999")]
)
def test_what_is_no_boot_cd_is_told(tmp_path: Path, folder: str, level: int, words: str) -> None:
    write_boot_cd(tmp_path / "x.iso", folder=folder, level=level)
    with pytest.raises(UsageError, match=words):
        check_medium(tmp_path / "x.iso")
    with pytest.raises(UsageError, match="does not exist"):
        check_medium(tmp_path / "none.iso")
    (tmp_path / "text.iso").write_text("no disc" * 10_000)
    with pytest.raises(UsageError, match="cannot be made to install"):
        check_medium(tmp_path / "text.iso")


@pytest.mark.parametrize("machine", [0x14C, 0x8664])
def test_its_kernel_tells_what_a_cd_is_for(tmp_path: Path, machine: int) -> None:
    write_boot_cd(tmp_path / "x.iso", kernel=pe_file(machine))
    assert check_medium(tmp_path / "x.iso") == machine


@pytest.mark.parametrize(
    ("kernel", "words"),
    [(pe_file(0xAA64), "is for ARM64"), (b"", r"system32/ntoskrnl\.exe, .* is missing"), (b"text", "or no program")],
)
def test_a_cd_that_cannot_be_run_is_told(tmp_path: Path, kernel: bytes, words: str) -> None:
    write_boot_cd(tmp_path / "x.iso", kernel=kernel)
    with pytest.raises(UsageError, match=words):
        check_medium(tmp_path / "x.iso")
