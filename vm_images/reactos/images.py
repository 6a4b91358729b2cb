"""What goes onto the CD: driver, programs and traffic program for the architecture of the user's ReactOS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from lab.build import run_build
from lab.config import CONFIG_NAME, Config, DriverSpec
from lab.errors import UsageError
from lab.guest.driver_file import MACHINE_AMD64, MACHINE_I386, inspect_driver, machine_name, machine_of
from lab.progress import Progress

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURES = {MACHINE_I386: "i386", MACHINE_AMD64: "amd64"}
"""As ReactOS and lab.yaml call them, by the machine of the CD's kernel."""


def fitted(config: Config, machine: int) -> Config:
    """The same lab with the images that lab.yaml has for a ReactOS of this machine; without any, as it is."""
    spec = config.reactos.get(ARCHITECTURES[machine])
    if spec is None:
        return config
    drivers = {name: replace(driver, file=spec.images / driver.file.name) for name, driver in config.drivers.items()}
    programs = {name: spec.images / name for name in config.programs}
    return replace(config, drivers=drivers, programs=programs, build=spec.build or config.build)


def build_traffic(machine: int, progress: Progress) -> Path:
    """Have the lab's own traffic program of this machine. Raises UsageError with what the compiler said."""
    name = ARCHITECTURES[machine]
    program = f"build/reactos-{name}/traffic.exe"
    command = f"make -s -C driver REACTOS={name} {program}"
    run_build(ROOT / CONFIG_NAME, ROOT, command, progress)
    return ROOT / "driver" / program


def check_images(config: Config, drivers: Iterable[DriverSpec], machine: int) -> None:
    """Raise UsageError when one of the drivers, or a program of lab.yaml, is for another machine than the CD."""
    advice = f"build it for {machine_name(machine)}; {config.path} says where it is: {_example(machine)}"
    for driver in drivers:
        inspect_driver(driver.file, machine, advice)
    for file in config.programs.values():
        built_for = machine_of(file)
        if built_for is not None and built_for != machine:
            what = f"{file} is built for {machine_name(built_for)}; the CD is {machine_name(machine)}"
            raise UsageError(what, advice)


def _example(machine: int) -> str:
    return f"`reactos: {{{ARCHITECTURES[machine]}: {{images: FOLDER}}}}`"
