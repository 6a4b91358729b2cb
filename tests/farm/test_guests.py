"""Images of another guest than the built-in one travel to a host, and bound how many VMs fit there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.cli_farm import _fitting
from lab.config import Config, load_config
from lab.farm.job import Job
from lab.farm.pack import Pack, put_lab
from lab.farm.store import Store
from lab.scenario.load import load_scenarios
from lab.worker_vm import budget
from vm_images.choice import has_image, images_of

if TYPE_CHECKING:
    from lab.farm.slot import Slot

pytestmark = pytest.mark.slow
LAB_YAML = r"""
lab: 1
guest: windows
image: eleven
device: '\\.\Example'
drivers: {example: {file: example.sys, service: Example}}
"""
SCENARIO = """
lab: 1
description: A name can be opened
steps: [{opener: {open: HELLO}}]
"""


def put_image(cache: Path, digest: str) -> None:
    """What `lab image build windows --name eleven` leaves."""
    directory = cache / "images" / "windows-eleven"
    directory.mkdir(parents=True)
    machine = {"memory_mb": 4096, "smp": 2, "cpu": "max"}
    manifest = {"format": 1, "guest": "windows", "recipe_digest": digest, "built_at": "", "boot": {}}
    manifest |= {"machine": machine, "capabilities": [], "packages": {}}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    (directory / "base.qcow2").write_text(f"disk of {digest}")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A lab with a Windows guest, on the host that gives jobs out."""
    put_image(tmp_path / "giver", "i" * 64)
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "giver"))
    root = tmp_path / "lab"
    root.mkdir()
    (root / "lab.yaml").write_text(LAB_YAML)
    (root / "example.sys").write_bytes(b"MZ")
    (root / "opens.yaml").write_text(SCENARIO)
    return load_config(root / "lab.yaml")


@pytest.fixture
def pack(config: Config, tmp_path: Path) -> Pack:
    return put_lab(config, Store(str(tmp_path / "store")), [config.root / "opens.yaml"])


@pytest.fixture
def job(pack: Pack, config: Config) -> Job:
    """One that a host prepares, and then refuses."""
    (job,) = pack.scenarios(load_scenarios(config.root / "opens.yaml", config), 7)
    assert (job.guest, job.image) == ("windows", "i" * 64)
    return replace(job, scenario="another one")


@pytest.fixture
def slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: Job) -> Slot:  # noqa: ARG001
    """Of a host that has no image yet."""
    from lab.farm.slot import Slot  # Not before it is needed: it takes a second.

    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "worker"))
    return Slot(tmp_path / "host")


def test_the_image_is_brought_to_where_the_lab_looks_for_it(job: Job, config: Config, slot: Slot) -> None:
    assert not has_image(config, job.image)
    assert "is not the scenario" in slot.perform(job).reason
    assert has_image(config, job.image)
    assert [each.joinpath("base.qcow2").read_text() for each in images_of("windows")] == [f"disk of {'i' * 64}"]


def test_another_image_of_that_name_is_refused_and_stays(job: Job, tmp_path: Path, slot: Slot) -> None:
    put_image(tmp_path / "worker", "j" * 64)
    manifest = slot.perform(job)
    assert manifest.cause == "infrastructure"
    assert "the Windows image 'eleven' is another one here than iiiiiiiiiiiiiiii" in manifest.reason
    assert (tmp_path / "worker" / "images" / "windows-eleven" / "base.qcow2").read_text() == f"disk of {'j' * 64}"


def test_as_many_fit_as_that_guest_needs(config: Config, tmp_path: Path) -> None:
    room = budget(config)
    assert room is not None
    assert (room.machine.memory_mb, room.machine.smp) == (4096, 2)
    assert _fitting(tmp_path, ["windows"]) == max(1, room.fitting)
