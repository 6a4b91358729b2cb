"""The lab's CD carries what setup and provisioning look for, in the form that Windows reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tree_sitter_powershell
from compact_disc import read_file
from tree_sitter import Language, Node, Parser

from vm_images.windows.answer_file import Answers
from vm_images.windows.certificate import make_certificate, signing_certificate
from vm_images.windows.media import GUEST, Provisions, write_media
from vm_images.windows.release import RELEASES
from vm_images.windows.wim import WimImage

SCRIPTS = sorted(GUEST.glob("*.ps1"))


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


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_powershell(script: Path) -> None:
    tree = Parser(Language(tree_sitter_powershell.language())).parse(script.read_bytes())
    assert [node.start_point for node in _mistakes(tree.root_node)] == []


def test_the_grammar_sees_a_mistake() -> None:
    parser = Parser(Language(tree_sitter_powershell.language()))
    assert list(_mistakes(parser.parse(b"if ($x { Get-Item }").root_node))


def _mistakes(node: Node) -> list[Node]:
    own = [node] if node.type == "ERROR" or node.is_missing else []
    return own + [each for child in node.children for each in _mistakes(child)]


def test_every_stage_names_the_documentation_of_its_commands() -> None:
    lines = (GUEST / "provision.ps1").read_text().splitlines()
    stages = [i for i, line in enumerate(lines) if line.startswith("    '") and line.endswith("' = {")]
    assert len(stages) > 10
    for i in stages:
        assert lines[i - 1].strip().startswith("# learn.microsoft.com: "), lines[i]


def test_a_stage_runs_no_tool_whose_failure_would_go_unseen() -> None:
    text = (GUEST / "provision.ps1").read_text()
    for tool in ("bcdedit", "certutil", "powercfg", "schtasks", "net", "sc", "tzutil"):
        for line in text.splitlines():
            assert f"{tool}.exe" not in line or f"Invoke-Tool '{tool}.exe'" in line, line
