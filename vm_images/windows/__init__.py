"""The Windows guest image: built unattended in QEMU from the user's own installation medium."""

from vm_images.windows.images import DEFAULT_NAME, all_images, find_image, image_directory

__all__ = ["DEFAULT_NAME", "all_images", "find_image", "image_directory"]
