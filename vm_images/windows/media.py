"""The lab's own CD: beside the user's medium, it carries the answer file and what provisions the guest."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import pycdlib

from vm_images.windows.answer_file import Answers, answer_file
from vm_images.windows.certificate import Certificate

GUEST = Path(__file__).resolve().parent / "guest"
ANSWER_FILE = "Autounattend.xml"
"""Setup takes it from the root of any removable drive; only this name counts in the windowsPE pass."""
FOLDER = "lab"
LABEL = "LABSETUP"


@dataclass(frozen=True)
class Provisions:
    """What the guest is provisioned with."""

    image_name: str
    winrm: Certificate
    signing: Certificate
    pfx_password: str = field(repr=False)
    openssh: Path | None = None
    """Win32-OpenSSH's ZIP, for Windows versions that have no server on board and no way to fetch it."""


def write_media(path: Path, answers: Answers, provisions: Provisions) -> None:
    """Write the CD as an ISO image, mode 0600: it holds the guest's password. Windows reads the Joliet names."""
    disc = pycdlib.PyCdlib()
    disc.new(interchange_level=3, joliet=3, vol_ident=LABEL)
    disc.add_directory("/LAB", joliet_path=f"/{FOLDER}")
    for name, content in {ANSWER_FILE: answer_file(answers), **_files(provisions)}.items():
        disc.add_fp(io.BytesIO(content), len(content), f"/{_iso_name(name)};1", joliet_path=f"/{name}")
    path.touch(mode=0o600)
    path.chmod(0o600)
    disc.write(str(path))
    disc.close()


def _files(provisions: Provisions) -> dict[str, bytes]:
    """By path on the CD."""
    settings = {"image": provisions.image_name, "pfx_password": provisions.pfx_password}
    files = {file.name: _windows_text(file) for file in sorted(GUEST.iterdir())}
    files["settings.json"] = json.dumps(settings, indent=1).encode()
    files["winrm.pfx"] = provisions.winrm.pfx(provisions.pfx_password)
    files["driver-test.cer"] = provisions.signing.der
    if provisions.openssh:
        files["OpenSSH-Win64.zip"] = provisions.openssh.read_bytes()
    return {f"{FOLDER}/{name}": content for name, content in files.items()}


def _windows_text(file: Path) -> bytes:
    """cmd.exe goes astray in batch files without carriage returns; PowerShell 5 takes a BOM for UTF-8."""
    text = file.read_text(encoding="utf-8").replace("\n", "\r\n")
    return text.encode("utf-8-sig" if file.suffix == ".ps1" else "ascii")


def _iso_name(name: str) -> str:
    """An ISO 9660 name that nobody reads: Windows takes the Joliet one."""
    folder, _, file = name.upper().rpartition("/")
    stem, _, suffix = file.rpartition(".")
    allowed = "".join(each if each.isalnum() else "_" for each in stem)
    return f"{folder}/{allowed}.{suffix}" if folder else f"{allowed}.{suffix}"
