"""An evaluation licence that ends is told in time, and never starts a guest that would end itself."""

from __future__ import annotations

import datetime
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lab import bringup, cli
from lab.config import load_config
from lab.errors import InfrastructureError, UsageError
from lab.machine.expiry import expiry_warning
from lab.machine.image import load_image
from lab.progress import Silent
from lab.running import instance_of

NOW = datetime.datetime(2026, 5, 20, 12, tzinfo=datetime.UTC)
LAB = "lab: 1\nguest: windows\nimage: win11\ndevice: '\\\\.\\X'\ndrivers: {x: {file: x.sys, service: X}}\n"


def write_image(directory: Path, expires: object, **changes: Any) -> Path:
    directory.mkdir(parents=True)
    for name in ("base.qcow2", "variables.qcow2"):
        (directory / name).write_bytes(b"")
    (directory / "credentials.json").write_text('{"user": "lab", "password": "secret", "certificate": "PEM"}')
    manifest = {
        "format": 1,
        "guest": "windows",
        "recipe_digest": "0123",
        "built_at": "2026-03-01T10:00:00+00:00",
        "boot": {},
        "machine": {"memory_mb": 4096, "smp": 2, "cpu": "max", "firmware": "uefi", "disk": "ahci"},
        "capabilities": [],
        "packages": {},
        "expires": expires.isoformat() if isinstance(expires, datetime.datetime) else expires,
        "settings": {"build": 26100},
        **changes,
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return directory


def in_days(days: float) -> datetime.datetime:
    return NOW + datetime.timedelta(days=days)


def warning(tmp_path: Path, days: float | None) -> str:
    image = load_image(write_image(tmp_path / "windows-win11", None if days is None else in_days(days)))
    return expiry_warning(image, NOW)


@pytest.mark.parametrize("days", [None, 400, 14.1])
def test_a_licence_that_lasts_is_no_topic(tmp_path: Path, days: float | None) -> None:
    assert warning(tmp_path, days) == ""


@pytest.mark.parametrize(("days", "told"), [(13.9, "in 13 days, on 2026-06-03"), (0.2, "in 0 days, on 2026-05-20")])
def test_the_last_two_weeks_are_told_with_what_to_do(tmp_path: Path, days: float, told: str) -> None:
    text = warning(tmp_path, days)
    assert f"the evaluation licence of windows-win11 ends {told}" in text
    assert "lab image build windows --iso Win.iso --name win11" in text


def test_after_the_end_it_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="ended on 2026-05-18") as ended:
        warning(tmp_path, -2)
    assert "lab image build windows" in ended.value.advice


def test_the_image_of_a_guest_that_boots_its_disk_has_no_kernel(tmp_path: Path) -> None:
    directory = write_image(tmp_path / "windows-win11", in_days(1))
    image = load_image(directory)
    assert (image.kernel, image.initrd, image.name) == (None, None, "win11")
    assert image.settings == {"build": 26100}
    assert image.credentials().certificate == "PEM"
    (directory / "variables.qcow2").unlink()
    with pytest.raises(InfrastructureError, match=r"variables\.qcow2 is missing"):
        load_image(directory)


@pytest.mark.parametrize("expires", ["soon", 7, "2026-05-20T10:00:00"])
def test_a_date_that_is_none_is_a_damaged_manifest(tmp_path: Path, expires: object) -> None:
    with pytest.raises(InfrastructureError, match="is damaged"):
        load_image(write_image(tmp_path / "windows-win11", expires))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab.yaml for the Windows image `win11`, which is not there yet."""
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    config = tmp_path / "lab.yaml"
    config.write_text(LAB)
    return config


def test_status_and_up_tell_of_the_end(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = tmp_path / "cache/images/windows-win11"
    write_image(directory, datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3.5))
    cli.run(["--config", str(project), "status"])
    assert "ends in 3 days" in capsys.readouterr().out
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["expires"] = "2020-01-01T00:00:00+00:00"
    (directory / "manifest.json").write_text(json.dumps(manifest))
    assert cli.run(["--config", str(project), "status", "--json"]) == 1
    expiry = json.loads(capsys.readouterr().out)["image_expiry"]
    assert expiry["ended"] is True
    assert "ended on 2020-01-01" in expiry["warning"]
    with pytest.raises(InfrastructureError, match="ended on 2020-01-01"):
        bringup._Start(load_config(project), instance_of(load_config(project)), Silent(), ExitStack())._prepare()


def test_an_image_that_was_not_built_is_told(project: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "cache/images/windows-server", None)
    with pytest.raises(UsageError, match="no Windows image 'win11', only server") as missing:
        bringup._Start(load_config(project), instance_of(load_config(project)), Silent(), ExitStack())._prepare()
    assert "lab image build windows --iso Win.iso --name win11" in missing.value.advice
