"""Driver images are checked on the host, before a guest gives an error code."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.guest.driver_file import inspect_driver

BUILD = Path(__file__).resolve().parents[2] / "driver" / "build"


def patched(tmp_path: Path, offset: int, value: int) -> Path:
    """Our driver with the 16-bit field at `offset` behind the PE signature changed."""
    data = bytearray((BUILD / "example-direct.sys").read_bytes())
    header = struct.unpack_from("<I", data, 0x3C)[0]
    struct.pack_into("<H", data, header + offset, value)
    path = tmp_path / "patched.sys"
    path.write_bytes(data)
    return path


def test_our_driver_passes() -> None:
    driver = inspect_driver(BUILD / "example-direct.sys")
    assert len(driver.sha256) == 64
    assert driver.size_of_image % 0x1000 == 0


def test_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist") as caught:
        inspect_driver(tmp_path / "none.sys")
    assert "`build:`" in caught.value.advice


@pytest.mark.parametrize(("machine", "name"), [(0x14C, "32-bit x86"), (0xAA64, "ARM64"), (0x1234, "machine 0x1234")])
def test_wrong_architecture_is_named(tmp_path: Path, machine: int, name: str) -> None:
    with pytest.raises(UsageError, match=f"built for {name}"):
        inspect_driver(patched(tmp_path, 4, machine))


def test_program_is_no_driver() -> None:
    with pytest.raises(UsageError, match="is a program, not a driver"):
        inspect_driver(BUILD / "traffic.exe")


def test_other_file_is_no_driver(tmp_path: Path) -> None:
    text = tmp_path / "driver.sys"
    text.write_text("not a driver")
    with pytest.raises(UsageError, match="no Windows executable"):
        inspect_driver(text)
