"""What goes onto the CD: driver, programs and traffic program for the architecture of the user's ReactOS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lab.build import build
from lab.config import CONFIG_NAME, Config, DriverSpec
from lab.errors import UsageError
from lab.guest.driver_file import MACHINE_AMD64, MACHINE_I386, MACHINES, inspect_driver, machine_of
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
    build(Config(ROOT / CONFIG_NAME, ROOT, "reactos", "", "", {}, "", build=command), progress)
    return ROOT / "driver" / program


def check_driver(config: Config, driver: DriverSpec, machine: int) -> None:
    """Raise UsageError when the driver, or a program of lab.yaml, is for another machine than the CD."""
    advice = f"build it for {MACHINES[machine]}; {config.path} says where it is: {_example(machine)}"
    inspect_driver(driver.file, machine, advice)
    for file in config.programs.values():
        built_for = machine_of(file)
        if built_for not in (None, machine):
            what = f"{file} is built for {MACHINES.get(built_for, hex(built_for))}; the CD is {MACHINES[machine]}"
            raise UsageError(what, advice)


def _example(machine: int) -> str:
    return f"`reactos: {{{ARCHITECTURES[machine]}: {{images: FOLDER}}}}`"
