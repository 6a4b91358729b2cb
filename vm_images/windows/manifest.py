"""What a build hands over: the image's directory, which appears by one rename."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.machine.firmware import VARIABLES
from lab.machine.hardware import Firmware, Machine
from lab.machine.image import MANIFEST_FORMAT, Credentials
from lab.machine.qemu import OVERLAY
from lab.verifier import FLAGS, flag_capability
from vm_images.windows.release import Release
from vm_images.windows.wim import WimImage

CAPABILITIES = (
    *("bugcheck", "cleanup-irp", "concurrent-dispatch", "crash-dump", "create-status", "debug-string"),
    *("deferred-unload", "driver-verifier", "ioctl-access", "irql", "kd-modules", "kd-print", "names-below-device"),
    *("nmi-crash", "other-users", "user-buffers", "verifier-at-boot", "winrm"),
    *map(flag_capability, FLAGS),
)
"""What a Windows kernel does by its documentation; `sftp` is added where there is an SSH server."""
BOOT_ID = r"C:\lab\boot-id"
DUMPS = (r"C:\Windows\MEMORY.DMP",)


@dataclass(frozen=True)
class Built:
    """What a build found out and made up."""

    release: Release
    image: WimImage
    machine: Machine
    login: Credentials
    answers: Mapping[str, Any]
    expires: datetime.datetime | None
    warnings: list[str]
    notes: list[str]
    dump_bytes: int
    seconds: float


def write_image(work: Path, target: Path, built: Built) -> Path:
    """Make the work directory of a finished installation the image `target`; one that is there steps aside first."""
    disk = work / "base.qcow2"
    (work / OVERLAY).rename(disk)
    disk.chmod(0o444)
    if built.machine.firmware is Firmware.UEFI:
        (work / VARIABLES).chmod(0o444)
    with os.fdopen(os.open(work / "credentials.json", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump(asdict(built.login), file)
    (work / "manifest.json").write_text(json.dumps(manifest(built, disk), indent=1) + "\n")
    kept = {"base.qcow2", VARIABLES, "credentials.json", "manifest.json"}
    for leftover in work.iterdir():
        if leftover.name not in kept:
            leftover.unlink()
    work.chmod(0o755)
    replaced = target.with_name(f".replaced-{target.name}-{os.getpid()}")
    if target.exists():
        target.rename(replaced)
    work.rename(target)
    shutil.rmtree(replaced, ignore_errors=True)
    return target


def manifest(built: Built, disk: Path) -> dict[str, Any]:
    """What the image says of itself."""
    return {
        "format": MANIFEST_FORMAT,
        "guest": "windows",
        "recipe_digest": _sha256(disk),
        "built_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "windows": {"release": built.release.name, "medium": asdict(built.image)},
        "packages": {"windows": f"{built.answers.get('build')}.{built.answers.get('revision')}"},
        "boot": {},
        "machine": built.machine.to_json(),
        "boot_id": BOOT_ID,
        "dumps": list(DUMPS),
        "capabilities": sorted(CAPABILITIES),
        "settings": dict(built.answers),
        "expires": built.expires.isoformat(timespec="seconds") if built.expires else None,
        "warnings": built.warnings,
        "provisioning": built.notes,
        "test_dump_bytes": built.dump_bytes,
        "build_seconds": round(built.seconds),
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
