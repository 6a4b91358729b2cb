"""The lab's CD carries what setup and provisioning look for, in the form that Windows reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from compact_disc import read_file

from vm_images.windows.answer_file import Answers
from vm_images.windows.certificate import make_certificate, signing_certificate
from vm_images.windows.media import Provisions, write_media
from vm_images.windows.release import RELEASES
from vm_images.windows.wim import WimImage


@pytest.fixture(scope="module")
def cd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import datetime

    from cryptography.x509.oid import ExtendedKeyUsageOID

    folder = tmp_path_factory.mktemp("media")
    now = datetime.datetime.now(datetime.UTC)
    image = WimImage(1, "Windows 11 Pro", "Professional", "Client", "amd64", 26100, "en-US")
    winrm = make_certificate("lab-guest", ExtendedKeyUsageOID.SERVER_AUTH, now)
    provisions = Provisions("win11", winrm, signing_certificate(folder), "pfx-secret")
    write_media(folder / "lab.iso", Answers(RELEASES[2], image, None, "lab", "secret"), provisions)
    return folder / "lab.iso"


def test_the_answer_file_is_in_the_root_and_the_cd_is_private(cd: Path) -> None:
    assert b"<unattend" in read_file(cd, "Autounattend.xml")
    assert cd.stat().st_mode & 0o777 == 0o600


def test_every_file_that_the_scripts_take_from_the_cd_is_on_it(cd: Path) -> None:
    for name in ("provision.cmd", "provision.ps1", "report.ps1", "check.ps1", "winrm.pfx", "driver-test.cer"):
        assert read_file(cd, f"lab/{name}")
    assert json.loads(read_file(cd, "lab/settings.json")) == {"image": "win11", "pfx_password": "pfx-secret"}


def test_texts_have_the_line_ends_and_encoding_of_windows(cd: Path) -> None:
    assert read_file(cd, "lab/provision.cmd").startswith(b"@echo off\r\n")
    assert read_file(cd, "lab/provision.ps1").startswith(b"\xef\xbb\xbf#")
