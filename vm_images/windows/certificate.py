"""Certificates that the lab makes for itself: one to sign test drivers with, one for each image's WinRM."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from lab.errors import InfrastructureError

VALID = datetime.timedelta(days=3650)
_BACKDATED = datetime.timedelta(days=2)
"""A guest's clock may be behind the host's."""


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate with its private key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def der(self) -> bytes:
        """The certificate alone, as Windows imports it."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key, not encrypted: whoever writes it minds the file's mode."""
        pkcs8 = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption())

    def pfx(self, password: str) -> bytes:
        """Certificate and key as PKCS #12. The older cipher: Windows Server 2016 and 2019 read no newer one."""
        encryption = (
            serialization.PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(50_000)
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())  # noqa: S303
            .build(password.encode())
        )
        return pkcs12.serialize_key_and_certificates(b"lab", self.key, self.certificate, None, encryption)


def make_certificate(name: str, usage: ObjectIdentifier, now: datetime.datetime) -> Certificate:
    """A new self-signed certificate for one use (an extended key usage). `now` is UTC."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=subject, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + VALID)
        .add_extension(constraints, critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    if usage == ExtendedKeyUsageOID.SERVER_AUTH:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return Certificate(builder.sign(key, hashes.SHA256()), key)


def signing_certificate(directory: Path) -> Certificate:
    """The certificate for test drivers below `directory`, made at the first call and kept.

    Guest images trust it, so another one means new images. Raises InfrastructureError when what is there is damaged, or
    the key may be read by others.
    """
    key, certificate = directory / "driver-test.key", directory / "driver-test.pem"
    if not key.exists():
        made = make_certificate("Driver lab test signing", ExtendedKeyUsageOID.CODE_SIGNING, _now())
        directory.mkdir(parents=True, exist_ok=True)
        _write(certificate, made.pem, 0o644)
        _write(key, made.key_pem, 0o600)
        return made
    if key.stat().st_mode & 0o077:
        raise InfrastructureError(f"{key} may be read by others", f"chmod 600 {key}")
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
        public = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError) as error:
        advice = f"remove {key}: the next build makes both anew, and images must then be built again"
        raise InfrastructureError(f"the signing certificate in {directory} is damaged: {error}", advice) from None
    if not isinstance(private, rsa.RSAPrivateKey) or private.public_key() != public.public_key():
        raise InfrastructureError(f"{key} is not the key of {certificate}", f"remove both from {directory}")
    return Certificate(public, private)


def _write(path: Path, content: bytes, mode: int) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    unfinished.replace(path)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
