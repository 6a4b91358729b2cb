"""UEFI for guests that need it: OVMF's code, read-only, and a writable copy of its variables.

The variables are a qcow2 file like the disk, so that snapshots hold both. Without Secure Boot: it refuses kernel
debugging and test-signing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.errors import InfrastructureError
from lab.machine.overlay import qemu_img

VARIABLES = "variables.qcow2"


@dataclass(frozen=True)
class Ovmf:
    """Code and empty variables of one build of OVMF: they belong together, and must be of the same size family."""

    code: Path
    variables: Path


PLACES = (
    Ovmf(Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), Path("/usr/share/OVMF/OVMF_VARS_4M.fd")),
    Ovmf(Path("/usr/share/OVMF/OVMF_CODE.fd"), Path("/usr/share/OVMF/OVMF_VARS.fd")),
    Ovmf(Path("/usr/share/edk2/ovmf/OVMF_CODE.fd"), Path("/usr/share/edk2/ovmf/OVMF_VARS.fd")),
    Ovmf(Path("/usr/share/edk2/x64/OVMF_CODE.4m.fd"), Path("/usr/share/edk2/x64/OVMF_VARS.4m.fd")),
)
"""Debian and Ubuntu, older ones, Fedora, Arch."""


def find_ovmf(places: tuple[Ovmf, ...] = PLACES) -> Ovmf:
    """OVMF without Secure Boot. Raises InfrastructureError when it is not installed."""
    for each in places:
        if each.code.is_file() and each.variables.is_file():
            return each
    raise InfrastructureError("this guest boots by UEFI, and OVMF is not installed", "apt-get install ovmf")


def create_variables(path: Path, ovmf: Ovmf) -> None:
    """New variables, as of a machine that never booted. Raises InfrastructureError (no space, no qemu-img)."""
    qemu_img("convert", "-q", "-f", "raw", "-O", "qcow2", str(ovmf.variables), str(path))
