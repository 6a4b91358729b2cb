"""Build an image: prepare a work directory beside the images, run the stages in it, hand over what is complete."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Protocol

from lab.errors import InfrastructureError
from vm_images.wine.cache import build_lock, find_image, image_directory, images_directory, mark_used, old_images
from vm_images.wine.handover import hand_over
from vm_images.wine.host import apt_sources, check_host, check_namespaces, remove_tree
from vm_images.wine.recipe import copy_recipe, recipe_digest
from vm_images.wine.stages import Stages

_UNFINISHED = ".building-wine-"


class Progress(Protocol):
    """Who is told what goes on: each phase as a context manager around the work."""

    def phase(self, title: str, /) -> AbstractContextManager[Any]: ...


def ensure_image(progress: Progress, force: bool = False) -> Path:
    """The directory of a complete image of this recipe; built now if there is none, or if `force`.

    Raises InfrastructureError when the host lacks something, when a download or a stage fails, or when the disk is
    full; it names the log.
    """
    digest = recipe_digest()
    if not force and (found := find_image(digest)):
        mark_used(found)
        return found
    with build_lock() as waited:
        sweep()
        if (waited or not force) and (found := find_image(digest)):
            return found  # Another build has made it meanwhile.
        check_host(images_directory())
        check_namespaces()
        built = _build(progress)
        _prune(progress)
        return built


def sweep() -> None:
    """Remove what interrupted builds left. The lock is held, so nobody works there."""
    for leftover in images_directory().glob(f"{_UNFINISHED}*"):
        remove_tree(leftover)


def _prune(progress: Progress) -> None:
    """Remove the images that were not needed for longest, with their logs. A VM that runs from one goes on."""
    for directory in old_images():
        with progress.phase(f"image: old {directory.name} removed"):
            remove_tree(directory)
            directory.with_name(f"{directory.name}.log").unlink(missing_ok=True)


def _build(progress: Progress) -> Path:
    work = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=images_directory()))
    work.chmod(0o755)  # apt's own user reads in it.
    try:
        copy_recipe(work / "recipe")
        digest = recipe_digest(work / "recipe")
        password = secrets.token_urlsafe(18)
        _prepare(work, password)
        with (images_directory() / f"wine-{digest[:16]}.log").open("w") as log, ExitStack() as phase:

            def tell(title: str) -> None:
                phase.close()
                phase.enter_context(progress.phase(title))

            stages = Stages(work, log)
            tell("image: Debian packages")
            stages.make("starter", work)
            stages.download_wheels()
            stages.run(tell)
            tell("image: packed")
            stages.run_tool(["qemu-img", "convert", "-q", "-O", "qcow2", "-f", "raw", "disk.raw", "out/base.qcow2"])
            image = hand_over(work, digest, password)
        target = image_directory(digest)
        _replace(image, target)
    except OSError as error:
        raise InfrastructureError(f"the guest image could not be built: {error}") from None
    finally:
        remove_tree(work)
    return target


def _prepare(work: Path, password: str) -> None:
    with os.fdopen(os.open(work / "password", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(password)
    suite = (work / "recipe/stages/suite").read_text().strip()
    (work / "sources.list").write_text(apt_sources(suite))


def _replace(image: Path, target: Path) -> None:
    """One rename makes the image appear; an older one of the same recipe steps aside first."""
    if target.exists():
        target.rename(image.parent / "replaced")
    image.rename(target)
