"""The parts of a night on a farm, as they come back: the runs, statuses and news of a night on one host."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from farm.cheap import Played
from lab.nightly import Plan, run_night

pytestmark = pytest.mark.slow
RECORDED = Path(__file__).parents[1] / "scenario" / "recordings" / "shared.scenario"
LAB_YAML = r"""
lab: 1
device: '\\.\Example'
drivers:
  example-direct: {file: example-direct.sys, service: Example}
  example-buffered: {file: example-buffered.sys, service: Example}
default_driver: example-buffered
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab with a scenario of two points, and a small image."""
    import lab.farm.pack

    root, image = tmp_path / "lab", tmp_path / "image"
    (root / "scenarios").mkdir(parents=True)
    (root / "lab.yaml").write_text(LAB_YAML)
    (root / "example-direct.sys").write_bytes(b"MZ")
    shutil.copy(RECORDED, root / "scenarios" / "shared.yaml")
    image.mkdir()
    machine = {"memory_mb": 1, "smp": 1, "cpu": "max"}
    manifest = {"format": 1, "guest": "wine", "recipe_digest": "i", "built_at": "", "boot": {"append": ""}}
    manifest |= {"machine": machine, "capabilities": [], "packages": {}}
    (image / "manifest.json").write_text(json.dumps(manifest))
    for name in ("base.qcow2", "vmlinuz", "initrd.img"):
        (image / name).write_text(name)
    monkeypatch.setattr(lab.farm.pack, "find_image", lambda _config: image)
    return root


def test_each_repetition_is_a_run_and_each_part_has_its_status(root: Path, address: str, certificates: Path) -> None:
    from lab.farm.night import FarmRunner, Place

    place = Place(address, certificates, str(root / ".lab" / "store"))
    plan = Plan(root, ["scenarios"], 2, 7, 1, "", 1)
    night = run_night(plan, FarmRunner(root, time.monotonic() + 100, place, Played()))
    assert night.parts == {"scenarios": "good", "explore": "bad"}
    assert night.exit_status == 1
    runs = [json.loads(path.read_text()) for path in sorted(root.glob("artifacts/*/run.json"))]
    assert [run["seed"] for run in runs] == [7, 8]
    names = ["shared[example-buffered]", "shared[example-direct]"]
    assert [sorted(each["scenario"] for each in run["outcomes"]) for run in runs] == [names, names]
    assert len(list(root.glob("artifacts/*/shared*/farm.json"))) == 4
