"""The copy of the user's CD: what was on it, the answers, and the lab's files by names that the guest sees."""

from __future__ import annotations

import io
from pathlib import Path

import pycdlib
import pytest
from compact_disc import read_file

from lab.errors import UsageError
from vm_images.reactos.medium import write_medium


def write_boot_cd(path: Path, boot: bytes = b"", joliet: bool = True, folder: str = "reactos") -> None:
    """What of a ReactOS boot CD the lab looks at."""
    disc = pycdlib.PyCdlib()
    disc.new(joliet=3 if joliet else None)
    disc.add_directory(f"/{folder.upper()}", joliet_path=f"/{folder}" if joliet else None)
    for name, content in (("unattend.inf", b"UnattendSetupEnabled = no"), ("txtsetup.sif", b"[Version]")):
        nice = f"/{folder}/{name}" if joliet else None
        disc.add_fp(io.BytesIO(content), len(content), f"/{folder.upper()}/{name.upper()};1", joliet_path=nice)
    if boot:
        disc.add_fp(io.BytesIO(boot), len(boot), "/BOOT.BIN;1", joliet_path="/boot.bin" if joliet else None)
        disc.add_eltorito("/BOOT.BIN;1", bootcatfile="/BOOT.CAT;1", boot_load_size=len(boot) // 512)
    disc.write(str(path))
    disc.close()


@pytest.fixture
def cd(tmp_path: Path) -> Path:
    write_boot_cd(tmp_path / "boot.iso")
    files = {r"C:\lab\bin\traffic.exe": b"program", r"C:\lab\drivers\example-direct.sys": b"driver"}
    write_medium(tmp_path / "boot.iso", tmp_path / "copy.iso", files)
    return tmp_path / "copy.iso"


def test_the_lab_s_files_have_their_places(cd: Path) -> None:
    assert read_file(cd, "lab/bin/traffic.exe") == b"program"
    assert read_file(cd, "lab/drivers/example-direct.sys") == b"driver"
    assert read_file(cd, "reactos/txtsetup.sif") == b"[Version]"


def test_setup_asks_nothing_and_starts_the_script_at_the_first_logon(cd: Path) -> None:
    text = read_file(cd, "reactos/unattend.inf").decode()
    assert "UnattendSetupEnabled = yes\r\n" in text
    assert text.endswith("[GuiRunOnce]\r\n" + r"%SystemRoot%\system32\cmd.exe /c D:\lab\run.cmd" + "\r\n")


def test_what_the_script_says_goes_to_the_second_serial_port(cd: Path) -> None:
    lines = read_file(cd, "lab/run.cmd").decode().split("\r\n")
    assert r"C:\lab\bin\traffic.exe run C:\lab\run\script.txt > COM2 2>&1" in lines
    assert "echo LAB-END %ERRORLEVEL% > COM2" in lines


@pytest.mark.parametrize(
    ("folder", "joliet", "words"), [("other", True, "no folder reactos"), ("reactos", False, "Joliet")]
)
def test_what_is_no_boot_cd_is_told(tmp_path: Path, folder: str, joliet: bool, words: str) -> None:
    write_boot_cd(tmp_path / "x.iso", folder=folder, joliet=joliet)
    with pytest.raises(UsageError, match=words):
        write_medium(tmp_path / "x.iso", tmp_path / "copy.iso", {})
    with pytest.raises(UsageError, match="does not exist"):
        write_medium(tmp_path / "none.iso", tmp_path / "copy.iso", {})
    (tmp_path / "text.iso").write_text("no disc" * 10_000)
    with pytest.raises(UsageError, match="cannot be made to install"):
        write_medium(tmp_path / "text.iso", tmp_path / "copy.iso", {})
