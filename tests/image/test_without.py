"""Every patch has a change that takes back what it does, with which its test was seen to fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm_images.wine.recipe import RECIPE

PATCHES = RECIPE / "patches"
SERIES = (PATCHES / "series").read_text().split()
WITHOUT = Path(__file__).parent / "without"


def lines(path: Path, sign: str) -> set[str]:
    """What a patch adds or takes away."""
    text = path.read_text().split("\ndiff --git", 1)[-1].splitlines()
    return {line[1:] for line in text if line.startswith(sign) and not line.startswith(sign * 3)}


def test_there_is_one_for_each_patch() -> None:
    assert sorted(path.name for path in WITHOUT.iterdir()) == sorted(SERIES)


@pytest.mark.parametrize("name", SERIES)
def test_it_takes_back_what_the_patch_brought(name: str) -> None:
    assert lines(WITHOUT / name, "-") <= lines(PATCHES / name, "+")
