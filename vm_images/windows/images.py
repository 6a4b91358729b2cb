"""Where Windows images lie: one directory per name, which appears by one rename when it is complete."""

from __future__ import annotations

from pathlib import Path

from lab.errors import UsageError
from vm_images.wine.cache import images_directory

DEFAULT_NAME = "windows"
_PREFIX = "windows-"


def image_directory(name: str) -> Path:
    """Where the image of that name is, or would be."""
    return images_directory() / f"{_PREFIX}{name}"


def find_image(name: str) -> Path:
    """The complete image of that name. Raises UsageError that says how to make one, and which there are."""
    directory = image_directory(name)
    if (directory / "manifest.json").is_file():
        return directory
    there = [each.name.removeprefix(_PREFIX) for each in all_images()]
    what = f"there is no Windows image {name!r}" + (f", only {', '.join(there)}" if there else "")
    raise UsageError(what, f"build it from your own medium: lab image build windows --iso Win.iso --name {name}")


def all_images() -> list[Path]:
    """The directories of all complete images."""
    return [each.parent for each in sorted(images_directory().glob(f"{_PREFIX}*/manifest.json"))]
