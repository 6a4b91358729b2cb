"""Test signatures in driver images, as a Windows in test-signing mode wants them."""

from __future__ import annotations

import datetime
import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.errors import InfrastructureError, UsageError
from lab.guest.driver_file import inspect_driver
from vm_images.windows.catalog import catalog
from vm_images.windows.certificate import signing_certificate
from vm_images.wine.cache import images_directory

DEADLINE = 60.0


def sign(image: Path, signed: Path, certificate: Path, key: Path) -> None:
    """Write `image` with an embedded Authenticode signature to `signed`, and verify what was written.

    The PE checksum is set as well: Windows checks a driver's. An earlier signature is replaced.
    Raises UsageError for a file that is no image, InfrastructureError when the tool is missing or fails.
    """
    inspect_driver(image)
    unfinished = signed.with_name(f".{signed.name}.unsigned")
    unfinished.unlink(missing_ok=True)
    try:
        _sign(["-h", "sha256", "-certs", certificate, "-key", key, "-in", image, "-out", unfinished], image)
        verify(unfinished, certificate)
        unfinished.replace(signed)
    finally:
        unfinished.unlink(missing_ok=True)


def write_catalog(files: Sequence[Path], to: Path, certificate: Path, key: Path) -> None:
    """Write the signed catalog of a driver's package, `files`, and verify that it covers the images among them.

    Raises UsageError for a damaged image, InfrastructureError when the tool is missing or fails.
    """
    unsigned, unfinished = to.with_name(f".{to.name}.unsigned"), to.with_name(f".{to.name}.signed")
    try:
        unsigned.write_bytes(catalog(files, datetime.datetime.now(datetime.UTC)))
        unfinished.unlink(missing_ok=True)
        _sign(["-h", "sha256", "-certs", certificate, "-key", key, "-in", unsigned, "-out", unfinished], to)
        for each in files:
            if each.suffix.lower() == ".sys":
                verify_in_catalog(each, unfinished, certificate)
        unfinished.replace(to)
    finally:
        unsigned.unlink(missing_ok=True)
        unfinished.unlink(missing_ok=True)


def verify_in_catalog(image: Path, listed: Path, certificate: Path) -> None:
    """Check that a catalog by `certificate` lists `image` as it is. Raises UsageError."""
    ran = _osslsigncode(["verify", "-CAfile", certificate, "-catalog", listed, "-in", image])
    if ran.returncode != 0:
        raise UsageError(f"{image} is not what {listed} lists, or that is not by {certificate}")


def catalog_with_lab(files: Sequence[Path], to: Path) -> Path:
    """The catalog of a package, signed with the lab's own test certificate."""
    write_catalog(files, to, *_lab_certificate())
    return to


def sign_with_lab(file: Path, signed: Path) -> Path:
    """Sign a driver with the lab's own test certificate, made if there is none, which its Windows images trust."""
    sign(file, signed, *_lab_certificate())
    return signed


def _lab_certificate() -> tuple[Path, Path]:
    """The files of the lab's own test certificate and of its key, made if there are none."""
    folder = images_directory().parent / "signing"
    signing_certificate(folder)
    return folder / "driver-test.pem", folder / "driver-test.key"


def signed_copy(file: Path) -> Path:
    """A driver as a Windows guest gets it: a signed copy of the same name, made once for each content."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    copy = images_directory().parent / "signing" / "signed" / digest / file.name
    if not copy.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        sign_with_lab(file, copy)
    return copy


def verify(image: Path, certificate: Path) -> None:
    """Check that `image` is signed by `certificate` and unchanged since. Raises UsageError that says which."""
    ran = _osslsigncode(["verify", "-CAfile", certificate, "-in", image])
    if ran.returncode == 0:
        return
    said = ran.stdout + ran.stderr
    if "No signature found" in said:
        raise UsageError(f"{image} is not signed")
    if "MISMATCH" in said:
        raise UsageError(f"{image} was changed after it was signed", "sign it again, or build it again")
    raise UsageError(f"the signature of {image} is not by {certificate}: {_last_line(said)}")


def _sign(arguments: list[str | Path], image: Path) -> None:
    ran = _osslsigncode(["sign", *arguments])
    if ran.returncode != 0:
        raise InfrastructureError(f"signing {image} failed: {_last_line(ran.stdout + ran.stderr)}")


def _osslsigncode(arguments: list[str | Path]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["osslsigncode", *map(str, arguments)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=DEADLINE,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise InfrastructureError("osslsigncode is not installed", "apt-get install osslsigncode") from None
    except subprocess.TimeoutExpired:
        raise InfrastructureError(f"osslsigncode did not end within {DEADLINE:.0f} s") from None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and line.strip() not in ("Failed", "Succeeded")]
    return lines[-1] if lines else "it said nothing"
