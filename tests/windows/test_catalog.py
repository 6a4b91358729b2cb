"""The catalog of a driver package verifies, and a change in what it lists, or in itself, shows."""

from __future__ import annotations

import datetime
import hashlib
import subprocess
from pathlib import Path

import pytest

from lab.cli import run
from lab.errors import UsageError
from vm_images.windows.catalog import SHA256, authenticode_digest, catalog
from vm_images.windows.certificate import signing_certificate
from vm_images.windows.der import bit_string, integer, object_id, octets
from vm_images.windows.signing import sign, verify_in_catalog, write_catalog

from .test_signing import DRIVER

pytestmark = pytest.mark.slow

NOW = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)


@pytest.fixture
def package(tmp_path: Path, keys: Path) -> Path:
    """A folder with a driver, its INF and their catalog."""
    (tmp_path / "x.sys").write_bytes(DRIVER.read_bytes())
    (tmp_path / "x.inf").write_text("[Version]\r\n")
    files = [tmp_path / "x.sys", tmp_path / "x.inf"]
    write_catalog(files, tmp_path / "x.cat", keys / "driver-test.pem", keys / "driver-test.key")
    return tmp_path


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def test_the_driver_is_what_the_catalog_lists(package: Path, keys: Path) -> None:
    verify_in_catalog(package / "x.sys", package / "x.cat", keys / "driver-test.pem")
    assert sorted(each.name for each in package.iterdir()) == ["x.cat", "x.inf", "x.sys"]


def test_a_signature_in_the_driver_changes_nothing(package: Path, keys: Path) -> None:
    sign(package / "x.sys", package / "x.sys", keys / "driver-test.pem", keys / "driver-test.key")
    verify_in_catalog(package / "x.sys", package / "x.cat", keys / "driver-test.pem")


@pytest.mark.parametrize(("name", "at"), [("x.sys", 0x500), ("x.cat", 0x100), ("x.cat", -20)])
def test_a_flipped_byte_shows(package: Path, keys: Path, name: str, at: int) -> None:
    flip(package / name, at)
    with pytest.raises(UsageError, match=r"is not what .* lists"):
        verify_in_catalog(package / "x.sys", package / "x.cat", keys / "driver-test.pem")


def test_a_catalog_by_another_is_refused(package: Path, tmp_path: Path) -> None:
    signing_certificate(tmp_path / "other")
    with pytest.raises(UsageError, match="is not by"):
        verify_in_catalog(package / "x.sys", package / "x.cat", tmp_path / "other/driver-test.pem")


def test_every_file_is_listed_by_its_hash(package: Path) -> None:
    found = subprocess.run(
        ["openssl", "asn1parse", "-inform", "der", "-in", package / "x.cat"], capture_output=True, text=True, check=True
    ).stdout
    inf = hashlib.sha256((package / "x.inf").read_bytes())
    for digest in (inf.digest(), authenticode_digest((package / "x.sys").read_bytes())):
        assert f"[HEX DUMP]:{digest.hex().upper()}" in found
        tag = f"{digest.hex().upper()}\0".encode("utf-16-le")
        assert f"[HEX DUMP]:{tag.hex().upper()}" in found


def test_the_hash_of_an_image_is_that_of_its_signature(tmp_path: Path, keys: Path) -> None:
    sign(DRIVER, tmp_path / "signed.sys", keys / "driver-test.pem", keys / "driver-test.key")
    said = subprocess.run(
        ["osslsigncode", "verify", "-in", tmp_path / "signed.sys"], capture_output=True, text=True, check=False
    ).stdout
    digest = authenticode_digest((tmp_path / "signed.sys").read_bytes()).hex().upper()
    assert digest in said.replace("  ", " ")
    assert digest == authenticode_digest(DRIVER.read_bytes()).hex().upper()


def test_what_only_looks_like_an_image_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.sys").write_bytes(b"MZ and no more")
    with pytest.raises(UsageError, match="no whole Windows image"):
        catalog([tmp_path / "x.sys"], NOW)


def test_encodings() -> None:
    assert object_id(SHA256).hex() == "0609608648016503040201"
    assert [integer(each).hex() for each in (0, 127, 128, 0x10010001)] == [
        "020100",
        "02017f",
        "02020080",
        "020410010001",
    ]
    assert octets(bytes(300))[:4].hex() == "0482012c"
    assert bit_string(0xA0, 3).hex() == "030205a0"


def test_one_command_makes_the_whole_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mine.sys").write_bytes(DRIVER.read_bytes())
    assert run(["driver", "inf", str(tmp_path / "mine.sys")]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "mine.inf"), str(tmp_path / "mine.cat")]
    verify_in_catalog(tmp_path / "mine.sys", tmp_path / "mine.cat", tmp_path / "cache/signing/driver-test.pem")
