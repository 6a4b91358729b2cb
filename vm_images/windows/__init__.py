"""The Windows guest image: built unattended in QEMU from the user's own installation medium."""

from vm_images.windows.images import DEFAULT_NAME, find_image

__all__ = ["DEFAULT_NAME", "find_image"]
