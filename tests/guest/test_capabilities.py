from __future__ import annotations

import json
from pathlib import Path

from lab.guest.capabilities import CAPABILITIES

IMAGES = Path(__file__).parents[2] / "vm_images"


def test_every_capability_of_an_image_is_known_to_scenarios() -> None:
    recipes = list(IMAGES.glob("*/machine.json"))
    assert recipes
    for recipe in recipes:
        assert set(json.loads(recipe.read_text())["capabilities"]) <= set(CAPABILITIES)
