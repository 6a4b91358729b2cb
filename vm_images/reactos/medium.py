"""The user's boot CD, and the copy of it that answers its own questions.

ReactOS setup reads reactos/unattend.inf of the CD that it was started from. Its CDs are ISO 9660:1999, whose names are
as they are written. Source: ReactOS, boot/bootdata/bootcd and boot/boot_images.cmake (`mkisofs -iso-level 4`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pefile
import pycdlib
from pycdlib.pycdlibexception import PyCdlibException

from lab.errors import UsageError
from lab.guest.driver_file import machine_name
from vm_images.reactos.images import ARCHITECTURES

FOLDER = "lab"
KERNEL = "/reactos/system32/ntoskrnl.exe"
MAX_KERNEL = 32 << 20
ISO_9660_1999 = 4
"""As an interchange level."""
_ANSWERS = {
    "Signature": '"$ReactOS$"',
    "UnattendSetupEnabled": "yes",
    "DestinationDiskNumber": "0",
    "DestinationPartitionNumber": "1",
    "InstallationDirectory": "ReactOS",
    "BootLoaderLocation": "2",
    "MBRInstallType": "2",  # What the same was called before.
    "FullName": '"Driver lab"',
    "ComputerName": '"LAB-GUEST"',
    "TimeZoneIndex": "85",
    "FormatPartition": "1",
    "AutoPartition": "1",
    "FsType": "0",
    "DisableGeckoInst": "yes",
    "LocaleID": "409",
    "ProductOption": "1",
}
COMMAND = rf"%SystemRoot%\system32\cmd.exe /c D:\{FOLDER}\run.cmd"
"""At the first logon; the machine has one disk, C:, and one CD, D:."""


def write_medium(iso: Path, target: Path, files: Mapping[str, bytes]) -> None:
    r"""Write a copy of a ReactOS boot CD that installs by itself and then performs the lab's script.

    `files` go onto it by their path in the guest, `C:\lab\...`. Raises UsageError that says what the file is not.
    """
    with _opened(iso) as disc:
        _remove_answers(disc)
        _add(disc, {"reactos/unattend.inf": _unattend_inf(), f"{FOLDER}/run.cmd": _run_cmd(), **_on_cd(files)})
        disc.write(str(target))


def check_medium(iso: Path) -> int:
    """The machine that the CD is for, one of `ARCHITECTURES`. Raises UsageError that says what the file is instead."""
    with _opened(iso) as disc:
        return _machine(disc, iso)


@contextmanager
def _opened(iso: Path) -> Iterator[pycdlib.PyCdlib]:
    disc = pycdlib.PyCdlib()
    try:
        disc.open(str(iso))
        _check_setup(disc, iso)
        yield disc
    except FileNotFoundError:
        raise UsageError(f"{iso} does not exist") from None
    except (OSError, PyCdlibException) as error:
        raise UsageError(f"{iso} cannot be made to install by itself: {error}", "name a ReactOS boot CD") from None
    finally:
        _close(disc)


def _on_cd(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {"/".join(path.replace("\\", "/").split("/")[1:]): content for path, content in files.items()}


def _add(disc: pycdlib.PyCdlib, files: Mapping[str, bytes]) -> None:
    made = {"", "reactos"}
    for path, content in files.items():
        *folders, _name = path.split("/")
        for i in range(1, len(folders) + 1):
            folder = "/".join(folders[:i])
            if folder not in made:
                disc.add_directory(**_names(disc, folder))
                made.add(folder)
        disc.add_fp(io.BytesIO(content), len(content), **_names(disc, path))


def _names(disc: pycdlib.PyCdlib, path: str) -> dict[str, Any]:
    """A path in each directory tree of the disc; the guest reads one of them."""
    return {tree: f"/{path}" for tree in ("iso_path", "joliet_path") if tree == "iso_path" or disc.has_joliet()}


def _check_setup(disc: pycdlib.PyCdlib, iso: Path) -> None:
    if disc.interchange_level < ISO_9660_1999:
        raise UsageError(f"{iso} is no ReactOS boot CD: those are ISO 9660:1999", "name the boot CD itself")
    if "reactos" not in _children(disc, "/"):
        raise UsageError(f"{iso} is no ReactOS boot CD: it has no folder reactos", "name the boot CD itself")


def _machine(disc: pycdlib.PyCdlib, iso: Path) -> int:
    """What the kernel that setup is started with is for."""
    try:
        with disc.open_file_from_iso(iso_path=KERNEL) as file:
            machine: int = pefile.PE(data=file.read(MAX_KERNEL), fast_load=True).FILE_HEADER.Machine
    except (PyCdlibException, pefile.PEFormatError):
        what = f"{iso} is no ReactOS boot CD: {KERNEL}, from which setup starts, is missing or no program"
        raise UsageError(what, "name the boot CD itself") from None
    if machine not in ARCHITECTURES:
        what = f"{iso} is for {machine_name(machine)}, which this machine cannot run"
        raise UsageError(what, f"name a boot CD for {' or '.join(ARCHITECTURES.values())}")
    return machine


def _remove_answers(disc: pycdlib.PyCdlib) -> None:
    if "unattend.inf" in _children(disc, "/reactos"):
        for tree, path in _names(disc, "reactos/unattend.inf").items():
            disc.rm_hard_link(**{tree: path})


def _children(disc: pycdlib.PyCdlib, path: str) -> set[str]:
    return {each.file_identifier().decode("ascii", "replace") for each in disc.list_children(iso_path=path)}


def _close(disc: pycdlib.PyCdlib) -> None:
    try:
        disc.close()
    except PyCdlibException:
        return  # It was never opened.


def _unattend_inf() -> bytes:
    lines = ["[Unattend]", *(f"{key} = {value}" for key, value in _ANSWERS.items())]
    lines += ["", "[GuiRunOnce]", COMMAND, ""]
    return "\r\n".join(lines).encode("ascii")


def _run_cmd() -> bytes:
    """Copies the CD to C: and performs the script; all that it says goes to COM2."""
    lines = [
        "@echo off",
        "mode COM2: baud=115200 parity=n data=8 stop=1",
        rf"xcopy /e /y /i %~d0\{FOLDER} C:\{FOLDER}",
        r"echo LAB-BEGIN > COM2",
        r"C:\lab\bin\traffic.exe run C:\lab\run\script.txt > COM2 2>&1",
        "echo LAB-END %ERRORLEVEL% > COM2",
        "",
    ]
    return "\r\n".join(lines).encode("ascii")
