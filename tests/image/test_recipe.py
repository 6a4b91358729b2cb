"""The digest of the wine guest's recipe, and that the recipe is whole."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from vm_images.wine.recipe import RECIPE, copy_recipe, recipe_digest, recipe_files


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    copy_recipe(tmp_path / "recipe")
    return tmp_path / "recipe"


def test_digest_is_the_same_wherever_the_recipe_lies(recipe: Path, tmp_path: Path) -> None:
    shutil.copytree(recipe, tmp_path / "elsewhere")

    assert recipe_digest(recipe) == recipe_digest(tmp_path / "elsewhere") == recipe_digest()


@pytest.mark.parametrize(
    "name",
    [
        "patches/series",
        "guest/etc/inittab",
        "machine.json",
        "initramfs.py",
        "wsman/ntlm.py",
        "stages/python-packages",
    ],
)
def test_a_changed_byte_changes_the_digest(recipe: Path, name: str) -> None:
    before = recipe_digest(recipe)
    with (recipe / name).open("ab") as file:
        file.write(b"#")

    assert recipe_digest(recipe) != before


def test_names_and_modes_count(recipe: Path) -> None:
    before = recipe_digest(recipe)
    (recipe / "guest/usr/lib/lab/run-wine").chmod(0o644)
    without_mode = recipe_digest(recipe)
    (recipe / "prefix/lab.reg").rename(recipe / "prefix/other.reg")

    assert len({before, without_mode, recipe_digest(recipe)}) == 3


def test_content_cannot_move_between_files_unnoticed(tmp_path: Path) -> None:
    digests = set()
    for number, (first, second) in enumerate([("ab", "c"), ("a", "bc")]):
        folder = tmp_path / str(number) / "prefix"
        folder.mkdir(parents=True)
        (folder / "1").write_text(first)
        (folder / "2").write_text(second)
        digests.add(recipe_digest(folder.parent))

    assert len(digests) == 2


@pytest.mark.parametrize(
    "name", ["starter/starter.exe", "kdstub/kdstub", "kdstub/link.o", "wsman/__pycache__/x.pyc", "stages/.build.sh.swp"]
)
def test_products_and_leftovers_do_not_count(recipe: Path, name: str) -> None:
    before = recipe_digest(recipe)
    (recipe / name).parent.mkdir(exist_ok=True)
    (recipe / name).write_bytes(b"x")

    assert recipe_digest(recipe) == before


def test_what_the_build_reads_is_in_the_recipe() -> None:
    names = {path.relative_to(RECIPE).as_posix() for path in recipe_files()}

    assert {"stages/build.sh", "stages/suite", "kdstub/Makefile", "starter/Makefile", "wsman/__main__.py"} <= names
    assert {f"patches/{name}" for name in (RECIPE / "patches/series").read_text().split()} <= names
    assert not {name for name in names if name.endswith(".patch")} - {
        f"patches/{name}" for name in (RECIPE / "patches/series").read_text().split()
    }


def test_what_the_guest_starts_is_executable_and_there() -> None:
    scripts = [*(RECIPE / "guest/usr/local/bin").iterdir(), RECIPE / "initramfs/init"]
    scripts += [path for path in (RECIPE / "guest/usr/lib/lab").iterdir() if path.name != "progress"]
    started = [line.split("/usr/lib/lab/")[1] for line in _inittab() if "/usr/lib/lab/" in line]

    assert all(script.stat().st_mode & 0o100 for script in scripts)
    assert set(started) <= {script.name for script in scripts}


def test_shell_scripts_parse() -> None:
    scripts = [path for path in recipe_files() if path.suffix == ".sh" or path.read_bytes().startswith(b"#!/bin/sh")]

    assert len(scripts) > 10
    for script in scripts:
        subprocess.run(["sh", "-n", script], check=True)


def test_the_recipe_names_no_mirror() -> None:
    for path in recipe_files():
        if path.parts[-2] != "wsman":  # XML name spaces are addresses that nobody visits.
            text = path.read_text(errors="replace")
            assert "http://" not in text, path
            assert "https://" not in text, path


def test_machine_is_one_that_wine_survives() -> None:
    machine = json.loads((RECIPE / "machine.json").read_text())

    assert machine["machine"] == {"memory_mb": 1024, "smp": 1, "cpu": "max,-smap,-erms"}
    assert "console=ttyS1" in machine["boot"]["append"].split()
    assert machine["capabilities"] == sorted(set(machine["capabilities"]))


def _inittab() -> list[str]:
    lines = (RECIPE / "guest/etc/inittab").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]
