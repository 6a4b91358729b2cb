"""A guest image on disk: read-only base, boot files, manifest and credentials."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import InfrastructureError
from lab.machine.firmware import VARIABLES
from lab.machine.hardware import Firmware, Machine, machine_from_json

MANIFEST_FORMAT = 1


@dataclass(frozen=True)
class Credentials:
    """How to log on to the guest. The password never appears in a log, a repr or an error."""

    user: str
    password: str = field(repr=False)
    ssh_host_key: str
    """One line as in known_hosts without the host: `ssh-ed25519 AAAA...`; empty where files go over WinRM."""
    certificate: str = ""
    """The guest's own certificate, PEM: WinRM is then HTTPS, and nothing but this certificate is accepted."""


@dataclass(frozen=True)
class Image:
    """A complete image directory; see the manifest for what went into it."""

    directory: Path
    guest: str
    digest: str
    built_at: str
    append: str
    machine: Machine
    capabilities: frozenset[str]
    packages: dict[str, str]
    boot_id: str = ""
    """Guest file that is another after each boot; empty when there is none."""
    dumps: tuple[str, ...] = ()
    """Guest files that a crash leaves, the first that is there counts."""
    boots_disk: bool = False
    """The firmware starts what is on the disk; otherwise QEMU starts the image's kernel."""
    expires: datetime.datetime | None = None
    """End of an evaluation licence, UTC."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the guest itself answered when it was asked how it is set up."""

    @property
    def name(self) -> str:
        """What the user calls it: the directory's name without the guest's."""
        return self.directory.name.removeprefix(f"{self.guest}-")

    @property
    def base(self) -> Path:
        return self.directory / "base.qcow2"

    @property
    def kernel(self) -> Path | None:
        return None if self.boots_disk else self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path | None:
        return None if self.boots_disk else self.directory / "initrd.img"

    @property
    def variables(self) -> Path | None:
        """What UEFI kept from the installation."""
        return self.directory / VARIABLES if self.machine.firmware is Firmware.UEFI else None

    @property
    def files(self) -> list[Path]:
        """All that a VM is started from."""
        return [each for each in (self.base, self.kernel, self.initrd, self.variables) if each]

    def credentials(self) -> Credentials:
        """Read the image's credentials. Raises InfrastructureError when they are missing or damaged."""
        data = _read_json(self.directory / "credentials.json")
        try:
            return Credentials(
                data["user"], data["password"], data.get("ssh_host_key", ""), data.get("certificate", "")
            )
        except KeyError as missing:
            raise _damaged(self.directory, f"credentials.json lacks {missing}") from None


def load_image(directory: Path) -> Image:
    """Read the manifest of an image directory.

    Raises InfrastructureError naming the directory when the manifest or one of the files is missing or damaged.
    """
    data = _read_json(directory / "manifest.json")
    if data.get("format") != MANIFEST_FORMAT:
        raise _damaged(directory, f"manifest format {data.get('format')!r}, this lab reads {MANIFEST_FORMAT}")
    try:
        image = Image(
            directory=directory,
            guest=data["guest"],
            digest=data["recipe_digest"],
            built_at=data["built_at"],
            append=data["boot"].get("append", ""),
            machine=machine_from_json(data["machine"]),
            capabilities=frozenset(data["capabilities"]),
            packages=dict(data["packages"]),
            boot_id=str(data.get("boot_id", "")),
            dumps=tuple(map(str, data.get("dumps", ()))),
            boots_disk="kernel" not in data["boot"],
            expires=_moment(data.get("expires")),
            settings=dict(data.get("settings", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(directory, f"manifest.json: {error}") from None
    for file in image.files:
        if not file.is_file():
            raise _damaged(directory, f"{file.name} is missing")
    return image


def _moment(text: str | None) -> datetime.datetime | None:
    if text is None:
        return None
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} lacks its time zone")
    return moment


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise _damaged(path.parent, f"{path.name}: {error}") from None
    if not isinstance(data, dict):
        raise _damaged(path.parent, f"{path.name} is no JSON object")
    return data


def _damaged(directory: Path, what: str) -> InfrastructureError:
    return InfrastructureError(
        f"guest image {directory} is damaged: {what}", f"remove it (rm -rf {directory}); it is built again"
    )
