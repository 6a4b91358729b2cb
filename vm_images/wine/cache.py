"""Where finished images lie: one directory per recipe digest, which appears by one rename when it is complete."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.errors import InfrastructureError
from vm_images.wine.recipe import recipe_digest

MANIFEST_FORMAT = 1
CONTENTS = ("base.qcow2", "vmlinuz", "initrd.img", "credentials.json")
KEPT = 3
"""Images that stay when another one was built: those of the branches that somebody works on."""


def images_directory() -> Path:
    """`$LAB_CACHE/images`, by default `~/.cache/driver-lab/images`."""
    cache = os.environ.get("LAB_CACHE")
    if cache:
        return Path(cache).expanduser().resolve() / "images"
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return user / "driver-lab" / "images"


def image_directory(digest: str) -> Path:
    """Where the image of a recipe digest is, or would be."""
    return images_directory() / f"wine-{digest[:16]}"


def find_image(digest: str | None = None) -> Path | None:
    """The complete image of this recipe (or of `digest`), None if there is none or something of it is missing."""
    digest = digest or recipe_digest()
    directory = image_directory(digest)
    try:
        manifest = json.loads((directory / "manifest.json").read_text())
    except (OSError, ValueError):
        return None
    complete = all((directory / name).is_file() for name in CONTENTS)
    return directory if complete and manifest_fits(manifest, digest) else None


def mark_used(directory: Path) -> None:
    """Remember that this image was needed now."""
    with suppress(OSError):  # The cache may be another user's.
        os.utime(directory)


def old_images() -> list[Path]:
    """All images but the `KEPT` that were needed last, the oldest first."""
    found = [each for each in images_directory().glob("wine-*") if (each / "manifest.json").is_file()]
    return sorted(found, key=lambda each: each.stat().st_mtime)[:-KEPT]


def manifest_fits(manifest: object, digest: str) -> bool:
    """Whether a manifest is of a form that the lab reads, and of this recipe."""
    if not isinstance(manifest, dict) or manifest.get("format") != MANIFEST_FORMAT:
        return False
    parts = {"boot": dict, "machine": dict, "capabilities": list, "packages": dict, "built_at": str}
    return manifest.get("recipe_digest") == digest and all(isinstance(manifest.get(k), t) for k, t in parts.items())


@contextmanager
def build_lock() -> Iterator[bool]:
    """Hold the lock of this guest's builds, waiting for another build if there is one; gives whether it waited.

    The lock goes with its process, however that ends. Raises InfrastructureError if the cache cannot be written.
    """
    path = images_directory() / "wine.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise InfrastructureError(
            f"cannot write to the image cache: {error}", "make it writable, or set LAB_CACHE to another directory"
        ) from None
    with file:
        waited = False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = True
            fcntl.flock(file, fcntl.LOCK_EX)
        yield waited
