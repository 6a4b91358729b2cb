"""What a build hands over: the image's directory, complete but for its name."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vm_images.wine.cache import MANIFEST_FORMAT
from vm_images.wine.initramfs import write_initramfs


def hand_over(work: Path, digest: str, password: str) -> Path:
    """Lay the image into WORK/image from what the stages left in WORK/out and WORK/initramfs; return it."""
    out = work / "out"
    image = work / "image"
    image.mkdir(mode=0o755)
    (out / "base.qcow2").rename(image / "base.qcow2")
    (image / "base.qcow2").chmod(0o444)
    shutil.copyfile(out / "vmlinuz", image / "vmlinuz")
    (out / "modules").rename(image / "modules")
    write_initramfs(work / "initramfs", image / "initrd.img")
    key = " ".join((out / "ssh_host_key.pub").read_text().split()[:2])
    credentials = {"user": "lab", "password": password, "ssh_host_key": key}
    with os.fdopen(os.open(image / "credentials.json", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump(credentials, file)
    packages = dict(line.split(" ", 1) for line in (out / "packages").read_text().splitlines())
    sizes = {file.name: file.stat().st_size for file in sorted(image.iterdir()) if file.is_file()}
    manifest = make_manifest(work / "recipe", digest, packages, sizes)
    (image / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return image


def make_manifest(recipe: Path, digest: str, packages: dict[str, str], sizes: dict[str, int]) -> dict[str, Any]:
    """What an image says of itself; `sizes` are bytes per file."""
    machine = json.loads((recipe / "machine.json").read_text())
    return {
        "format": MANIFEST_FORMAT,
        "guest": "wine",
        "recipe_digest": digest,
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "suite": (recipe / "stages/suite").read_text().strip(),
        "packages": packages,
        "wine": {
            "version": (recipe / "stages/wine-version").read_text().strip(),
            "patches": (recipe / "patches/series").read_text().split(),
        },
        "boot": machine["boot"],
        "machine": machine["machine"],
        "boot_id": machine["boot_id"],
        "dumps": machine["dumps"],
        "capabilities": machine["capabilities"],
        "sizes": sizes,
    }
