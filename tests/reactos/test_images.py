"""Which images go onto the CD: those that lab.yaml has for its architecture, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.config import Config, load_config
from lab.errors import UsageError
from lab.guest.driver_file import MACHINE_AMD64, MACHINE_I386
from vm_images.reactos.images import check_images, fitted

from .pe_file import pe_file


def config(directory: Path, **more: object) -> Config:
    driver = {"file": "build/own.sys", "service": "Own"}
    content = {"lab": 1, "device": r"\\.\Own", "build": "make", "drivers": {"own": driver}, "programs": ["build/a.exe"]}
    (directory / "lab.yaml").write_text(json.dumps(content | more))
    for folder in ("build", "build/32"):
        (directory / folder).mkdir()
    return load_config(directory / "lab.yaml")


def test_an_architecture_has_images_and_a_build_of_its_own(tmp_path: Path) -> None:
    own = config(tmp_path, reactos={"i386": {"images": "build/32", "build": "make ARCH=i386"}})
    small, large = fitted(own, MACHINE_I386), fitted(own, MACHINE_AMD64)
    assert small.drivers["own"].file == tmp_path / "build/32/own.sys"
    assert small.programs == {"a.exe": tmp_path / "build/32/a.exe"}
    assert small.build == "make ARCH=i386"
    assert large == own


def test_a_driver_for_another_machine_is_named_with_what_to_do(tmp_path: Path) -> None:
    own = config(tmp_path)
    (tmp_path / "build/own.sys").write_bytes(pe_file(MACHINE_AMD64))
    check_images(own, own.drivers.values(), MACHINE_AMD64)
    with pytest.raises(UsageError, match=r"own\.sys is built for 64-bit x86 \(AMD64\); the guest is 32-bit") as told:
        check_images(own, own.drivers.values(), MACHINE_I386)
    assert "lab.yaml says where it is: `reactos: {i386: {images: FOLDER}}`" in told.value.advice


def test_so_is_a_program(tmp_path: Path) -> None:
    own = config(tmp_path)
    (tmp_path / "build/own.sys").write_bytes(pe_file(MACHINE_I386))
    (tmp_path / "build/a.exe").write_bytes(pe_file(MACHINE_AMD64))
    with pytest.raises(UsageError, match=r"a\.exe is built for 64-bit x86 \(AMD64\); the CD is 32-bit x86"):
        check_images(own, own.drivers.values(), MACHINE_I386)
    (tmp_path / "build/a.exe").write_text("@echo off")
    check_images(own, own.drivers.values(), MACHINE_I386)
