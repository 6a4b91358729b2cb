"""What `make -C driver REACTOS=...` makes: images that a ReactOS of either architecture would load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pefile
import pytest

from .conftest import make
from .reactos_exports import exported
from .test_build import DRIVERS, PROGRAMS, image, imports, section

MACHINES = {"i386": 0x14C, "amd64": 0x8664}
SERVER_2003 = (5, 2)
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Build:
    architecture: str
    directory: Path


@pytest.fixture(scope="session", params=MACHINES)
def reactos(request: pytest.FixtureRequest, source_tree: Path) -> Build:
    make(source_tree, f"REACTOS={request.param}")
    return Build(request.param, source_tree / "build" / f"reactos-{request.param}")


def test_every_image_is_for_that_machine_and_for_a_windows_as_old(reactos: Build) -> None:
    for name in (*(f"{driver}.sys" for driver in DRIVERS), *(f"{program}.exe" for program in PROGRAMS)):
        header = image(reactos.directory, name)
        assert header.FILE_HEADER.Machine == MACHINES[reactos.architecture]
        optional = header.OPTIONAL_HEADER
        assert (optional.MajorSubsystemVersion, optional.MinorSubsystemVersion) == SERVER_2003, name


def test_reactos_exports_whatever_is_imported(reactos: Build) -> None:
    for file in [*reactos.directory.glob("*.sys"), *reactos.directory.glob("*.exe")]:
        for module, names in imports(pefile.PE(str(file))).items():
            assert names <= exported(reactos.architecture, module), f"{file.name} from {module}"


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_driver_is_whole(reactos: Build, driver: str) -> None:
    pe = image(reactos.directory, f"{driver}.sys")
    assert pe.OPTIONAL_HEADER.Subsystem == pefile.SUBSYSTEM_TYPE["IMAGE_SUBSYSTEM_NATIVE"]
    assert pe.OPTIONAL_HEADER.CheckSum != 0
    assert pe.verify_checksum()
    assert section(pe, b"INIT").contains_rva(pe.OPTIONAL_HEADER.AddressOfEntryPoint)
    assert pe.DIRECTORY_ENTRY_BASERELOC, "where it is loaded is not where it was linked for"
    assert (reactos.directory / f"{driver}.pdb").is_file()


def test_exceptions_of_bad_addresses_are_handled(reactos: Build) -> None:
    handler = {"i386": "_except_handler3", "amd64": "__C_specific_handler"}[reactos.architecture]
    for driver in DRIVERS:
        names = imports(image(reactos.directory, f"{driver}.sys"))["ntoskrnl.exe"]
        assert (handler in names) == (driver == "example-neither")


def test_the_other_images_are_as_if_it_had_not_been_made(reactos: Build, build: Path) -> None:
    assert reactos.directory != build
    assert image(build, "traffic.exe").OPTIONAL_HEADER.MajorSubsystemVersion > SERVER_2003[0]


def test_another_architecture_is_told(source_tree: Path) -> None:
    with pytest.raises(AssertionError, match="REACTOS is i386 or amd64, not x64"):
        make(source_tree, "REACTOS=x64")
