"""Driver images are signed as test-signing Windows wants them, and a change afterwards shows."""

from __future__ import annotations

from pathlib import Path

import pefile
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from lab.errors import InfrastructureError, UsageError
from vm_images.windows.certificate import Certificate, signing_certificate
from vm_images.windows.signing import sign, verify

DRIVER = Path(__file__).resolve().parents[2] / "driver" / "build" / "example-direct.sys"


@pytest.fixture
def signed(keys: Path, tmp_path: Path) -> Path:
    path = tmp_path / "signed.sys"
    sign(DRIVER, path, keys / "driver-test.pem", keys / "driver-test.key")
    return path


def test_a_certificate_is_made_once_and_its_key_is_private(tmp_path: Path) -> None:
    made = signing_certificate(tmp_path)
    assert signing_certificate(tmp_path).der == made.der
    assert (tmp_path / "driver-test.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    signing_certificate(tmp_path)
    (tmp_path / "driver-test.key").chmod(0o640)
    with pytest.raises(InfrastructureError, match="may be read by others"):
        signing_certificate(tmp_path)


def test_a_damaged_or_foreign_key_is_told(tmp_path: Path) -> None:
    signing_certificate(tmp_path / "one")
    signing_certificate(tmp_path / "two")
    (tmp_path / "one/driver-test.pem").write_bytes((tmp_path / "two/driver-test.pem").read_bytes())
    with pytest.raises(InfrastructureError, match="is not the key of"):
        signing_certificate(tmp_path / "one")
    (tmp_path / "two/driver-test.pem").write_text("nothing")
    with pytest.raises(InfrastructureError, match="damaged"):
        signing_certificate(tmp_path / "two")


def test_the_certificate_is_for_signing_code_and_nothing_else(keys: Path) -> None:
    certificate = x509.load_pem_x509_certificate((keys / "driver-test.pem").read_bytes())
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [each.dotted_string for each in usage] == ["1.3.6.1.5.5.7.3.3"]
    assert certificate.subject == certificate.issuer


def test_windows_gets_certificate_and_key_in_one_file(keys: Path) -> None:
    made: Certificate = signing_certificate(keys)
    key, certificate, _more = pkcs12.load_key_and_certificates(made.pfx("secret"), b"secret")
    assert certificate == made.certificate
    assert key is not None
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(made.pfx("secret"), b"wrong")


def test_a_signed_image_verifies_and_its_checksum_is_right(signed: Path, keys: Path) -> None:
    verify(signed, keys / "driver-test.pem")
    image = pefile.PE(str(signed))
    assert image.OPTIONAL_HEADER.CheckSum == image.generate_checksum() != 0


def test_signing_again_replaces_the_signature(signed: Path, keys: Path) -> None:
    size = signed.stat().st_size
    sign(signed, signed, keys / "driver-test.pem", keys / "driver-test.key")
    verify(signed, keys / "driver-test.pem")
    assert signed.stat().st_size == size


def test_a_flipped_byte_shows(signed: Path, keys: Path) -> None:
    content = bytearray(signed.read_bytes())
    content[0x500] ^= 1
    signed.write_bytes(content)
    with pytest.raises(UsageError, match="changed after it was signed"):
        verify(signed, keys / "driver-test.pem")


def test_an_unsigned_image_and_one_of_another_certificate_are_told(signed: Path, keys: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not signed"):
        verify(DRIVER, keys / "driver-test.pem")
    signing_certificate(tmp_path / "other")
    with pytest.raises(UsageError, match="is not by"):
        verify(signed, tmp_path / "other/driver-test.pem")


def test_what_is_no_driver_is_not_signed(keys: Path, tmp_path: Path) -> None:
    (tmp_path / "text.sys").write_text("no image")
    with pytest.raises(UsageError, match="no Windows executable"):
        sign(tmp_path / "text.sys", tmp_path / "out.sys", keys / "driver-test.pem", keys / "driver-test.key")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["text.sys"]
