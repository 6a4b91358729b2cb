"""A CD with drivers of virtio is looked at before anything boots."""

from __future__ import annotations

from pathlib import Path

import pycdlib
import pytest

from lab.errors import UsageError
from vm_images.windows.release import RELEASES, Release
from vm_images.windows.virtio import check_virtio, virtio_folders

WINDOWS_10 = next(each for each in RELEASES if each.name == "win10-22h2")


def write_cd(path: Path, folders: tuple[str, ...], joliet: bool) -> Path:
    """A CD with these folders and nothing in them."""
    disc = pycdlib.PyCdlib()
    disc.new(interchange_level=3, joliet=3 if joliet else None)
    made = set()
    for folder in folders:
        parts = folder.split("/")
        for i in range(1, len(parts) + 1):
            name = "/" + "/".join(parts[:i])
            if name not in made:
                disc.add_directory(name.upper(), joliet_path=name if joliet else None)
                made.add(name)
    disc.write(str(path))
    disc.close()
    return path


@pytest.mark.parametrize("joliet", [True, False])
@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_a_cd_with_the_release_s_drivers_passes(tmp_path: Path, release: Release, joliet: bool) -> None:
    check_virtio(write_cd(tmp_path / "virtio.iso", virtio_folders(release), joliet), release)


def test_a_cd_without_them_is_told_with_what_was_looked_for(tmp_path: Path) -> None:
    cd = write_cd(tmp_path / "virtio.iso", ("NetKVM/w10/amd64", "viostor/w10/x86", "viostor/w11/amd64"), joliet=True)
    with pytest.raises(UsageError, match=r"virtio\.iso has no drivers for Windows 10 22H2: looked for") as told:
        check_virtio(cd, WINDOWS_10)
    assert str(told.value).endswith("looked for viostor/w10/amd64")
    assert "name the virtio-win ISO, or leave --virtio-iso out" in told.value.advice


def test_what_is_no_cd_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.iso").write_text("no disc" * 10_000)
    with pytest.raises(UsageError, match=r"^--virtio-iso: .*text\.iso is no ISO image") as told:
        check_virtio(tmp_path / "text.iso", WINDOWS_10)
    assert told.value.advice
