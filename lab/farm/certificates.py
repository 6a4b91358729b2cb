"""Who belongs to a farm: a certificate authority of its own, and a certificate for each role.

Whoever holds a key of the farm's can run programs on its workers: that is what they are for. Peers are held against the
authority both ways, nothing is sent in the clear.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.errors import UsageError

if TYPE_CHECKING:
    from distributed.security import Security

ROLES = ("scheduler", "worker", "client")
AUTHORITY = "authority"
DAYS = 825


def make_certificates(directory: Path, days: int = DAYS) -> list[Path]:
    """Write authority.pem, and key and certificate of each role in one file, ROLE.pem; the authority's key is not kept.

    Raises UsageError when there are some already: a farm that is up would not know the new ones.
    """
    there = [each for each in (AUTHORITY, *ROLES) if (directory / f"{each}.pem").exists()]
    if there:
        raise UsageError(f"{directory / there[0]}.pem is there already", "name another directory, or remove it first")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    until = datetime.now(UTC) + timedelta(days=days)
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("driver lab farm", key, None, key, until)
    written = [_write(directory / f"{AUTHORITY}.pem", _text(authority))]
    for role in ROLES:
        own = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(role, own, authority, key, until)
        private = own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        written.append(_write(directory / f"{role}.pem", private + _text(certificate)))
    return written


def security(directory: Path, role: str) -> Security:
    """What a process of this role shows and wants to see. Raises UsageError that names the file that is missing."""
    from distributed.security import Security

    own, authority = directory / f"{role}.pem", directory / f"{AUTHORITY}.pem"
    for each in (own, authority):
        if not each.is_file():
            raise UsageError(f"there is no {each}", f"make them once: lab farm certificates {directory}")
    files = {"tls_ca_file": str(authority), f"tls_{role}_cert": str(own), f"tls_{role}_key": str(own)}
    return Security(require_encryption=True, **files)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    signing: ec.EllipticCurvePrivateKey,
    until: datetime,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    return builder.sign(signing, hashes.SHA256())


def _text(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, data: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(data)
    return path
