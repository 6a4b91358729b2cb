"""The writable disk of a VM: a qcow2 overlay over the image's read-only base; snapshots live inside it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from lab.errors import InfrastructureError

NEEDED_BYTES = 2 * 1024**3
"""Two memory snapshots of a small guest, its disk writes, and room for logs."""
CHECK_LEAKS = 3
"""Exit status of `qemu-img check` for leaked clusters: lost space, no lost data."""


def create_overlay(path: Path, base: Path) -> None:
    """Make a new, empty overlay; replaces an old one. Raises InfrastructureError (no space, no qemu-img)."""
    require_space(path.parent)
    qemu_img("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(base.resolve()), str(path))


def overlay_is_sound(path: Path) -> bool:
    """Whether the overlay can be used again: a VM that was killed while writing may have damaged it."""
    if not path.exists():
        return False
    command = ["qemu-img", "check", "-q", "-f", "qcow2", str(path)]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode in (0, CHECK_LEAKS)


def require_space(directory: Path, needed: int = NEEDED_BYTES) -> None:
    """Raise InfrastructureError unless `needed` bytes are free on the file system of `directory`."""
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise InfrastructureError(
            f"not enough disk space at {directory}: {free >> 20} MiB free, {needed >> 20} MiB needed",
            "free some space, or run the lab from another file system",
        )


def qemu_img(*arguments: str) -> None:
    """Run qemu-img. Raises InfrastructureError with its own words."""
    try:
        subprocess.run(["qemu-img", *arguments], capture_output=True, text=True, timeout=120, check=True)
    except FileNotFoundError:
        raise InfrastructureError("qemu-img is not installed", "apt-get install qemu-utils") from None
    except subprocess.CalledProcessError as error:
        raise InfrastructureError(f"qemu-img {arguments[0]}: {error.stderr.strip()}") from None
    except subprocess.TimeoutExpired:
        raise InfrastructureError(f"qemu-img {arguments[0]} did not end within 120 s") from None
