"""The drivers of virtio-win on the user's CD, if there is one: where they are, and whether they are there."""

from __future__ import annotations

from pathlib import Path

import pycdlib
from pycdlib.pycdlibexception import PyCdlibException

from lab.errors import UsageError
from vm_images.windows.medium import opened
from vm_images.windows.release import Release

_FOLDERS = {"win10": "w10", "win11": "w11", "server-2019": "2k19", "server-2022": "2k22", "server-2025": "2k25"}
_KINDS = ("NetKVM", "viostor")
"""Network card and disk."""


def virtio_folders(release: Release) -> tuple[str, ...]:
    """Where Fedora's virtio-win CD has the drivers for a release, from its root."""
    folder = next(value for prefix, value in _FOLDERS.items() if release.name.startswith(prefix))
    return tuple(f"{kind}/{folder}/amd64" for kind in _KINDS)


def virtio_paths(release: Release) -> tuple[str, ...]:
    """The same as Windows setup looks for them, for whatever letter the CD gets."""
    return tuple(rf"{letter}:\{folder}".replace("/", "\\") for letter in "DEF" for folder in virtio_folders(release))


def check_virtio(iso: Path, release: Release) -> None:
    """Raise UsageError that says what is missing, if a CD has no drivers for the release."""
    advice = "name the virtio-win ISO, or leave --virtio-iso out: the lab's machine does not need it"
    try:
        with opened(iso) as disc:
            missing = [each for each in virtio_folders(release) if not _has(disc, each)]
    except UsageError as error:
        raise UsageError(f"--virtio-iso: {error}", advice) from None
    if missing:
        what = f"--virtio-iso: {iso} has no drivers for {release.title}: looked for {' and '.join(missing)}"
        raise UsageError(what, advice)


def _has(disc: pycdlib.PyCdlib, folder: str) -> bool:
    names = {"iso_path": f"/{folder.upper()}"}
    if disc.has_joliet():
        names["joliet_path"] = f"/{folder}"
    if disc.has_udf():
        names["udf_path"] = f"/{folder}"
    return any(_is_folder(disc, {tree: path}) for tree, path in names.items())


def _is_folder(disc: pycdlib.PyCdlib, name: dict[str, str]) -> bool:
    try:
        return bool(disc.get_record(**name).is_dir())
    except PyCdlibException:
        return False
