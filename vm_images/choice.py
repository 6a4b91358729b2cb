"""Which image belongs to `guest:` and `image:` of lab.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.config import Config
from lab.errors import InfrastructureError, UsageError
from lab.machine.image import load_image
from vm_images import windows, wine
from vm_images.wine.build import Progress
from vm_images.wine.cache import image_directory

WINDOWS = "windows"


def ensure_image(config: Config, progress: Progress) -> Path:
    """The directory of a complete image; that of the Wine guest is built if there is none.

    Raises UsageError for a Windows image that was not built, InfrastructureError.
    """
    return windows.find_image(config.image) if config.guest == WINDOWS else wine.ensure_image(progress)


def find_image(config: Config) -> Path | None:
    """The image, if it is there. Raises UsageError for a Windows image that was not built."""
    return windows.find_image(config.image) if config.guest == WINDOWS else wine.find_image()


def has_image(config: Config, digest: str) -> bool:
    """Whether the image that this lab would take is there, and has this digest. Raises InfrastructureError."""
    try:
        directory = find_image(config)
    except UsageError:
        return False
    return directory is not None and load_image(directory).digest == digest


def image_place(config: Config, digest: str) -> Path:
    """Where an image with this digest has to lie to be the one that this lab takes.

    Raises InfrastructureError when this lab takes another one, or has one that is damaged.
    """
    if config.guest == WINDOWS:
        place = windows.image_directory(config.image)
        if place.exists() and load_image(place).digest != digest:
            what = f"the Windows image {config.image!r} is another one here than {digest[:16]}"
            raise InfrastructureError(what, f"give one of them another name, or remove {place}")
        return place
    if digest != wine.recipe_digest():
        raise InfrastructureError(f"this lab makes another image than {digest[:16]}", "update it")
    return image_directory(digest)


def images_of(guest: str) -> Iterator[Path]:
    """All complete images of this guest that a lab on this host could take."""
    found = windows.all_images() if guest == WINDOWS else [wine.find_image()]
    yield from (each for each in found if each is not None)
