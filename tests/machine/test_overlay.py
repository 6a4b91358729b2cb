"""Overlays with the real qemu-img."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.errors import InfrastructureError
from lab.machine.overlay import create_overlay, overlay_is_sound, require_space


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "16M"], check=True)
    path.chmod(0o444)
    return path


def test_new_overlay_is_sound_and_replaces_an_old_one(tmp_path: Path, base: Path) -> None:
    overlay = tmp_path / "overlay.qcow2"
    overlay.write_bytes(b"left over")
    assert not overlay_is_sound(overlay)
    create_overlay(overlay, base)
    assert overlay_is_sound(overlay)


def test_missing_overlay_is_not_sound(tmp_path: Path) -> None:
    assert not overlay_is_sound(tmp_path / "none.qcow2")


def test_damaged_tables_are_noticed(tmp_path: Path, base: Path) -> None:
    overlay = tmp_path / "overlay.qcow2"
    create_overlay(overlay, base)
    write = ["qemu-io", "-f", "qcow2", "-c", "write 0 4M", str(overlay)]
    subprocess.run(write, check=True, capture_output=True)
    with overlay.open("r+b") as file:
        file.seek(0x10000)
        file.write(b"\xff" * 512)
    assert not overlay_is_sound(overlay)


def test_missing_base_is_an_infrastructure_error(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="qemu-img create"):
        create_overlay(tmp_path / "overlay.qcow2", tmp_path / "none.qcow2")


def test_full_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="not enough disk space"):
        require_space(tmp_path, needed=1 << 62)
