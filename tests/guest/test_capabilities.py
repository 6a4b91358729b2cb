from __future__ import annotations

import json
from pathlib import Path

from lab.guest.capabilities import CAPABILITIES
from lab.verifier import FLAGS, Verifier
from vm_images.windows.manifest import CAPABILITIES as WINDOWS

IMAGES = Path(__file__).parents[2] / "vm_images"


def test_every_capability_of_an_image_is_known_to_scenarios() -> None:
    recipes = list(IMAGES.glob("*/machine.json"))
    assert recipes
    for recipe in recipes:
        assert set(json.loads(recipe.read_text())["capabilities"]) <= set(CAPABILITIES)
    assert set(WINDOWS) <= set(CAPABILITIES)


def test_a_windows_has_every_check_of_driver_verifier() -> None:
    for flag in FLAGS:
        assert set(Verifier((flag,)).requires()) <= set(WINDOWS)
    assert Verifier("standard").level(WINDOWS) == 0x209BB  # "/standard" of the documentation of verifier.exe.
