"""The cache of images: only what is complete is found, one build at a time, nothing is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.errors import InfrastructureError
from lab.machine.image import load_image
from vm_images.wine import build, ensure_image, find_image, host, recipe_digest
from vm_images.wine.cache import (
    CONTENTS,
    build_lock,
    image_directory,
    images_directory,
    manifest_fits,
    mark_used,
    old_images,
)
from vm_images.wine.handover import hand_over, make_manifest
from vm_images.wine.recipe import RECIPE, copy_recipe
from vm_images.wine.stages import Stages


class Phases:
    """A progress that remembers the titles."""

    def __init__(self) -> None:
        self.titles: list[str] = []

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        self.titles.append(title)
        yield


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    images_directory().mkdir(parents=True)
    return tmp_path / "cache"


def finished_work(parent: Path) -> Path:
    """A work directory as the stages leave it."""
    work = parent / "work"
    copy_recipe(work / "recipe")
    (work / "out" / "modules").mkdir(parents=True)
    (work / "initramfs" / "bin").mkdir(parents=True)
    (work / "initramfs" / "init").write_text("#!/bin/sh\n")
    (work / "out" / "base.qcow2").write_bytes(b"disk")
    (work / "out" / "vmlinuz").write_bytes(b"kernel")
    (work / "out" / "packages").write_text("wine64 8.0~repack-4\nlibc6 2.36-9\n")
    (work / "out" / "ssh_host_key.pub").write_text("ssh-ed25519 AAAAkey lab-wine\n")
    return work


def lay_image() -> Path:
    digest = recipe_digest()
    target = image_directory(digest)
    hand_over(finished_work(images_directory()), digest, "hush").rename(target)
    return target


def test_nothing_is_found_in_an_empty_cache() -> None:
    assert find_image() is None


def test_a_complete_image_is_found_and_readable_by_the_lab() -> None:
    directory = lay_image()
    image = load_image(directory)

    assert find_image() == directory
    assert image.digest == recipe_digest()
    assert image.packages["wine64"] == "8.0~repack-4"
    assert image.credentials().password == "hush"
    assert image.credentials().ssh_host_key == "ssh-ed25519 AAAAkey"


def test_credentials_are_private_and_the_base_read_only() -> None:
    directory = lay_image()

    assert (directory / "credentials.json").stat().st_mode & 0o777 == 0o600
    assert (directory / "base.qcow2").stat().st_mode & 0o777 == 0o444
    assert "hush" not in (directory / "manifest.json").read_text()


def test_initramfs_is_a_whole_archive_with_a_console() -> None:
    archive = (lay_image() / "initrd.img").read_bytes()

    assert archive.startswith(b"070701")
    assert len(archive) % 4 == 0
    assert b"dev/console\0" in archive
    assert b"TRAILER!!!" in archive[-16:]


@pytest.mark.parametrize("name", ["manifest.json", *CONTENTS])
def test_an_unfinished_directory_is_never_found(name: str) -> None:
    directory = lay_image()
    (directory / name).unlink()

    assert find_image() is None


def test_a_manifest_cut_short_is_never_found() -> None:
    manifest = lay_image() / "manifest.json"
    manifest.write_text(manifest.read_text()[:200])

    assert find_image() is None


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"recipe_digest": "0" * 64},
        {"machine": None},
        {"capabilities": "all"},
        {"boot": []},
        {"packages": 1},
    ],
)
def test_a_manifest_of_another_form_or_recipe_does_not_fit(change: dict[str, Any]) -> None:
    manifest = make_manifest(RECIPE, recipe_digest(), {}, {})

    assert manifest_fits(json.loads(json.dumps(manifest)), recipe_digest())
    assert not manifest_fits({**manifest, **change}, recipe_digest())


def test_all_images_but_the_last_used_are_old() -> None:
    images = []
    for i, letter in enumerate("abcde"):
        directory = image_directory(letter * 64)
        directory.mkdir()
        (directory / "manifest.json").touch()
        os.utime(directory, (1000 + i, 1000 + i))
        images.append(directory)
    (images_directory() / "wine-unfinished").mkdir()
    mark_used(images[0])

    assert old_images() == images[1:3]


def test_an_existing_image_is_not_built_again() -> None:
    directory = lay_image()
    phases = Phases()

    assert ensure_image(phases) == directory
    assert phases.titles == []


def test_a_second_build_waits_and_takes_what_the_first_made() -> None:
    found: list[Path] = []
    waiter = threading.Thread(target=lambda: found.append(ensure_image(Phases())))
    with build_lock() as waited:
        assert not waited
        waiter.start()
        waiter.join(0.3)
        assert waiter.is_alive()
        directory = lay_image()
    waiter.join(10)

    assert found == [directory]


def test_the_lock_goes_with_a_killed_process() -> None:
    use = "import time\nwith build_lock(): print(1, flush=True); time.sleep(60)"
    holder = f"from vm_images.wine.cache import build_lock\n{use}"
    environ = {**os.environ, "PYTHONPATH": str(RECIPE.parents[1])}
    with subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE, env=environ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.wait()
    with build_lock() as waited:
        assert not waited


def test_leftovers_of_an_interrupted_build_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    leftover = images_directory() / ".building-wine-dead"
    finished_work(leftover)
    monkeypatch.setattr(host, "ROOM", 1 << 60)

    with pytest.raises(InfrastructureError, match="are free"):
        ensure_image(Phases())
    assert not leftover.exists()
    assert find_image() is None


def test_too_little_room_is_told_before_anything_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "ROOM", 1 << 60)
    phases = Phases()

    with pytest.raises(InfrastructureError) as failure:
        ensure_image(phases)
    assert "LAB_CACHE" in failure.value.advice
    assert phases.titles == []


def test_a_missing_tool_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(host._TOOLS, "no-such-tool", "its-package")

    with pytest.raises(InfrastructureError, match="no-such-tool") as failure:
        host.check_host(images_directory())
    assert failure.value.advice == "apt-get install its-package"


def test_an_unwritable_cache_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "file"))

    with pytest.raises(InfrastructureError, match="cannot write to the image cache"), build_lock():
        pass


def test_a_build_that_fails_says_where_its_log_is_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "check_host", lambda _directory: None)
    monkeypatch.setattr(build, "check_namespaces", lambda: None)
    monkeypatch.setattr("vm_images.wine.stages.in_namespaces", lambda command: command)
    monkeypatch.setattr(Stages, "run_tool", lambda *_: None)

    def copy_with_script(target: Path) -> None:
        copy_recipe(target)
        script = "echo '@phase image: half' >&3; echo 'E: broken archive' >&2; exit 7\n"
        (target / "stages/build.sh").write_text(script)

    monkeypatch.setattr(build, "copy_recipe", copy_with_script)

    phases = Phases()
    with pytest.raises(InfrastructureError, match=r"exited with 7.*E: broken archive") as failure:
        ensure_image(phases)
    log = Path(failure.value.advice.removeprefix("read "))
    assert "broken archive" in log.read_text()
    assert phases.titles[-1] == "image: half"
    assert not list(images_directory().glob(".building-*"))
