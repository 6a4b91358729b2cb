"""Which image belongs to `guest:` and `image:` of lab.yaml."""

from __future__ import annotations

from pathlib import Path

from lab.config import Config
from vm_images import windows, wine
from vm_images.wine.build import Progress


def ensure_image(config: Config, progress: Progress) -> Path:
    """The directory of a complete image; that of the Wine guest is built if there is none.

    Raises UsageError for a Windows image that was not built, InfrastructureError.
    """
    return windows.find_image(config.image) if config.guest == "windows" else wine.ensure_image(progress)


def find_image(config: Config) -> Path | None:
    """The image, if it is there. Raises UsageError for a Windows image that was not built."""
    return windows.find_image(config.image) if config.guest == "windows" else wine.find_image()
