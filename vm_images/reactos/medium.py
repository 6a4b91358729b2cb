"""The user's boot CD, and the copy of it that answers its own questions.

ReactOS setup reads reactos/unattend.inf of the CD that it was started from. Source: ReactOS, boot/bootdata/bootcd.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pycdlib
from pycdlib.pycdlibexception import PyCdlibException

from lab.errors import UsageError

FOLDER = "lab"
_ANSWERS = {
    "Signature": '"$ReactOS$"',
    "UnattendSetupEnabled": "yes",
    "DestinationDiskNumber": "0",
    "DestinationPartitionNumber": "1",
    "InstallationDirectory": "ReactOS",
    "BootLoaderLocation": "2",
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
    disc = pycdlib.PyCdlib()
    try:
        disc.open(str(iso))
        _check_setup(disc, iso)
        _remove_answers(disc)
        _add(disc, {"reactos/unattend.inf": _unattend_inf(), f"{FOLDER}/run.cmd": _run_cmd(), **_on_cd(files)})
        disc.write(str(target))
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
    for number, (path, content) in enumerate(files.items()):
        folder = path.rpartition("/")[0]
        parts = folder.split("/")
        for i in range(1, len(parts) + 1):
            parent = "/".join(parts[:i])
            if parent not in made:
                disc.add_directory(f"/{parent.upper()}", joliet_path=f"/{parent}")
                made.add(parent)
        # The guest takes the Joliet names; the others only have to be there.
        disc.add_fp(io.BytesIO(content), len(content), f"/{folder.upper()}/LAB{number}.BIN;1", joliet_path=f"/{path}")


def _check_setup(disc: pycdlib.PyCdlib, iso: Path) -> None:
    names = {child.file_identifier().decode("ascii", "replace").upper() for child in disc.list_children(iso_path="/")}
    if "REACTOS" not in names:
        raise UsageError(f"{iso} is no ReactOS boot CD: it has no folder reactos", "name the boot CD, not the live CD")
    if not disc.has_joliet():
        raise UsageError(f"{iso} has no Joliet names, by which ReactOS finds its files", "name a ReactOS boot CD")


def _remove_answers(disc: pycdlib.PyCdlib) -> None:
    for child in disc.list_children(joliet_path="/reactos"):
        if child.file_identifier().decode("utf-16-be", "replace").lower() == "unattend.inf":
            name = child.file_identifier().decode("utf-16-be")
            disc.rm_hard_link(joliet_path=f"/reactos/{name}")
            return


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
