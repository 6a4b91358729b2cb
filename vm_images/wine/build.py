"""Build an image: prepare a work directory beside the images, run the stages in it, hand over what is complete."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from lab.errors import InfrastructureError
from vm_images.wine.cache import MANIFEST_FORMAT, build_lock, find_image, image_directory, images_directory
from vm_images.wine.host import apt_sources, check_host, check_namespaces, environment, in_namespaces, remove_tree
from vm_images.wine.initramfs import write_initramfs
from vm_images.wine.recipe import copy_recipe, recipe_digest

DEADLINE = 3600
"""Seconds that the stages may take; they take about four minutes when packages come fast."""

_UNFINISHED = ".building-wine-"


class Progress(Protocol):
    """Who is told what goes on."""

    def phase(self, title: str, /) -> AbstractContextManager[Any]: ...


def ensure_image(progress: Progress, force: bool = False) -> Path:
    """The directory of a complete image of this recipe; built now if there is none, or if `force`.

    Raises InfrastructureError when the host lacks something, when a download or a stage fails, or when the disk is full.
    """
    digest = recipe_digest()
    if not force and (found := find_image(digest)):
        return found
    with build_lock() as waited:
        _sweep()
        if (waited or not force) and (found := find_image(digest)):
            return found  # Another build has made it meanwhile.
        check_host(images_directory())
        check_namespaces()
        return _build(progress)


def _sweep() -> None:
    """Remove what interrupted builds left. The lock is held, so nobody works in them."""
    for leftover in images_directory().glob(f"{_UNFINISHED}*"):
        remove_tree(leftover)


def _build(progress: Progress) -> Path:
    work = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=images_directory()))
    work.chmod(0o755)  # apt's own user reads in it.
    try:
        copy_recipe(work / "recipe")
        digest = recipe_digest(work / "recipe")
        log = images_directory() / f"wine-{digest[:16]}.log"
        with log.open("w") as file:
            password = secrets.token_urlsafe(18)
            _prepare(work, password, file)
            with _told(progress) as tell:
                _run_stages(work, file, tell)
                tell("image: packed")
                image = _finish(work, digest, password, file)
        target = image_directory(digest)
        _replace(image, target)
    except OSError as error:
        raise InfrastructureError(f"the guest image could not be built: {error}") from None
    finally:
        remove_tree(work)
    return target


def _prepare(work: Path, password: str, log: Any) -> None:
    with os.fdopen(os.open(work / "password", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(password)
    suite = (work / "recipe/stages/suite").read_text().strip()
    (work / "sources.list").write_text(apt_sources(suite))
    _run(["make", "-s", "-C", str(work / "recipe/starter"), f"OUT={work}"], log)


@contextmanager
def _told(progress: Progress) -> Iterator[Any]:
    """Gives a function that ends the phase before and begins the next."""
    current: list[AbstractContextManager[Any]] = []

    def tell(title: str) -> None:
        if current:
            current.pop().__exit__(None, None, None)
        phase = progress.phase(title)
        phase.__enter__()
        current.append(phase)

    try:
        yield tell
    except BaseException as error:
        if current:
            current.pop().__exit__(type(error), error, error.__traceback__)
        raise
    if current:
        current.pop().__exit__(None, None, None)


def _run_stages(work: Path, log: Any, tell: Any) -> None:
    """Run stages/build.sh in its name spaces; it names its phases on descriptor 3."""
    sources = work / "sources.list"
    environ = {**environment(), "LAB_APT_SOURCES": str(sources) if sources.stat().st_size else ""}
    command = in_namespaces(["sh", "-c", 'exec "$0" "$@" 3>&1 >&2', "sh", str(work / "recipe/stages/build.sh"), str(work)])
    deadline = ["timeout", "--kill-after=10", str(DEADLINE)]
    process = subprocess.Popen(
        [*deadline, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environ,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101  # for the type checker
    try:
        for line in process.stdout:
            if line.startswith("@phase "):
                tell(line.removeprefix("@phase ").strip())
        status = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if status != 0:
        raise _failure(Path(log.name), status)


def _failure(log: Path, status: int) -> InfrastructureError:
    text = log.read_text(errors="replace")
    advice = f"read {log}"
    if status == 124:
        return InfrastructureError(f"the guest image was not built within {DEADLINE} s", advice)
    if "No space left on device" in text:
        return InfrastructureError(f"no space left for building the guest image in {log.parent}", "make room")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("E: ", "Err:", "make: ***", "error:")) or " error: " in line]
    said = (telling or lines or ["it said nothing"])[-1][:300]
    if any(line.startswith(("Err:", "E: Failed to fetch", "E: Unable to locate")) for line in telling):
        said = next(line for line in telling if line.startswith(("Err:", "E: ")))[:300]
        advice = f"the packages of Debian must be reachable (proxy variables are passed on); {advice}"
    return InfrastructureError(f"the guest image could not be built: {said}", advice)


def _finish(work: Path, digest: str, password: str, log: Any) -> Path:
    """Lay what is handed over into WORK/image."""
    image = work / "image"
    image.mkdir(mode=0o755)
    out = work / "out"
    _run(["qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", str(work / "disk.raw"), str(image / "base.qcow2")], log)
    (image / "base.qcow2").chmod(0o444)
    shutil.copyfile(out / "vmlinuz", image / "vmlinuz")
    write_initramfs(work / "initramfs", image / "initrd.img")
    packages = dict(line.split(" ", 1) for line in (out / "packages").read_text().splitlines())
    key = " ".join((out / "ssh_host_key.pub").read_text().split()[:2])
    credentials = {"user": "lab", "password": password, "ssh_host_key": key}
    with os.fdopen(os.open(image / "credentials.json", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump(credentials, file)
    manifest = make_manifest(work / "recipe", digest, packages, {f.name: f.stat().st_size for f in image.iterdir()})
    (image / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return image


def make_manifest(recipe: Path, digest: str, packages: dict[str, str], sizes: dict[str, int]) -> dict[str, Any]:
    """What an image says of itself."""
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
        "capabilities": machine["capabilities"],
        "sizes": sizes,
    }


def _replace(image: Path, target: Path) -> None:
    """One rename makes the image appear; an older one of the same recipe steps aside first."""
    if target.exists():
        target.rename(image.parent / "replaced")
    image.rename(target)


def _run(command: list[str], log: Any) -> None:
    status = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(), check=False, timeout=DEADLINE
    ).returncode
    if status != 0:
        log.flush()
        raise _failure(Path(log.name), status)

