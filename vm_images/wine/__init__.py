"""The `wine` guest: a small Debian machine in which Wine hosts the driver. Its recipe, and the cache of its images."""

from vm_images.wine.build import ensure_image
from vm_images.wine.cache import find_image
from vm_images.wine.recipe import recipe_digest

__all__ = ["ensure_image", "find_image", "recipe_digest"]
