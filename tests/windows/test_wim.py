"""Windows Imaging files are read for what is on a medium, and damaged ones are told."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pycdlib
import pytest

from lab.errors import UsageError
from vm_images.windows.medium import choose_image, read_medium
from vm_images.windows.release import generic_key, release_of
from vm_images.windows.wim import WimImage, read_images


def element(index: int, name: str, edition: str, build: int = 22621, kind: str = "Client", arch: int = 9) -> str:
    return (
        f'<IMAGE INDEX="{index}"><TOTALBYTES>16383717491</TOTALBYTES><WINDOWS><ARCH>{arch}</ARCH>'
        f"<EDITIONID>{edition}</EDITIONID><INSTALLATIONTYPE>{kind}</INSTALLATIONTYPE>"
        "<LANGUAGES><LANGUAGE>en-US</LANGUAGE><DEFAULT>en-US</DEFAULT></LANGUAGES>"
        f"<VERSION><MAJOR>10</MAJOR><MINOR>0</MINOR><BUILD>{build}</BUILD><SPBUILD>2283</SPBUILD></VERSION></WINDOWS>"
        f"<NAME>{name}</NAME><DESCRIPTION>{name}</DESCRIPTION><FLAGS>{edition}</FLAGS></IMAGE>"
    )


def wim(*elements: str, flags: int = 0x02) -> bytes:
    """A Windows Imaging file with nothing in it but its XML data."""
    xml = ("\ufeff<WIM>" + "".join(elements) + "<TOTALBYTES>3502723354</TOTALBYTES></WIM>").encode("utf-16-le")
    head = struct.pack("<8sIIII16sHHI", b"MSWIM\0\0\0", 208, 0x10D00, 0x40000, 32768, bytes(16), 1, 1, len(elements))
    resource = struct.pack("<QQQ", len(xml) | flags << 56, 208, len(xml))
    return (head + bytes(24) + resource).ljust(208, b"\0") + xml


CLIENT = wim(element(1, "Windows 11 Home", "Core"), element(2, "Windows 11 Pro", "Professional"))
SERVER = wim(
    element(1, "Windows Server 2022 Standard Evaluation", "ServerStandardEval", 20348, "Server Core"),
    element(2, "Windows Server 2022 Standard Evaluation (Desktop Experience)", "ServerStandardEval", 20348, "Server"),
)


def images(data: bytes) -> list[WimImage]:
    return read_images(io.BytesIO(data))


def test_the_images_of_a_file_are_read() -> None:
    home, pro = images(CLIENT)
    assert (pro.index, pro.name, pro.edition, pro.build) == (2, "Windows 11 Pro", "Professional", 22621)
    assert (pro.architecture, pro.language, pro.is_server, pro.is_evaluation) == ("amd64", "en-US", False, False)
    assert home.edition == "Core"


@pytest.mark.parametrize("size", [0, 7, 95, 96, 250])
def test_a_truncated_file_is_told(size: int) -> None:
    with pytest.raises(UsageError, match="Windows Imaging file"):
        images(CLIENT[:size])


def test_a_damaged_file_is_told() -> None:
    damaged = CLIENT.replace("<WINDOWS>".encode("utf-16-le"), "<WINDOW S".encode("utf-16-le"))
    with pytest.raises(UsageError, match="cannot be read"):
        images(damaged)
    with pytest.raises(UsageError, match="would be"):
        images(wim(element(1, "x", "Core"), flags=0x06))
    with pytest.raises(UsageError, match="would be"):
        images(CLIENT[:72] + struct.pack("<Q", 1 << 50) + CLIENT[80:])


def test_without_a_wish_the_desktop_edition_that_a_lab_wants_is_taken() -> None:
    assert choose_image(images(CLIENT), None).index == 2
    assert choose_image(images(SERVER), None).index == 2


@pytest.mark.parametrize("wish", ["1", "Core", "windows 11 home"])
def test_an_edition_is_chosen_by_number_id_or_name(wish: str) -> None:
    assert choose_image(images(CLIENT), wish).edition == "Core"


def test_an_edition_that_is_not_there_or_not_one_is_told_with_what_is_there() -> None:
    with pytest.raises(UsageError, match="no edition") as missing:
        choose_image(images(CLIENT), "Enterprise")
    assert "2: Windows 11 Pro (Professional, build 22621, amd64, en-US)" in missing.value.advice
    with pytest.raises(UsageError, match="several editions"):
        choose_image(images(SERVER), "ServerStandardEval")


def test_a_release_is_known_by_build_and_kind() -> None:
    def named(build: int, kind: str) -> str:
        return release_of(images(wim(element(1, "x", "y", build, kind)))[0]).name

    assert named(26100, "Client") == "win11-24h2"
    assert named(26200, "Client") == "win11-25h2"
    assert named(26100, "Server") == "server-2025"
    assert named(19041, "Client") == "win10-22h2"
    with pytest.raises(UsageError, match="build 9600"):
        named(9600, "Client")
    with pytest.raises(UsageError, match="ARM64"):
        release_of(images(wim(element(1, "x", "y", arch=12)))[0])


def test_evaluation_media_have_no_key_and_others_the_published_one() -> None:
    def key(data: bytes) -> str | None:
        image = images(data)[-1]
        return generic_key(release_of(image), image)

    assert key(SERVER) is None
    assert key(wim(element(1, "x", "ServerStandardEvalCor", 20348, "Server Core"))) is None
    assert key(CLIENT) == "W269N-WFGWX-YVC9B-4J6C9-T83GX"
    for edition, kind in (("ServerStandard", "Server"), ("ServerStandardCor", "Server Core")):
        assert key(wim(element(1, "x", edition, 26100, kind))) == "TVRH6-WHNXV-R9WG3-9XRFY-MY832"


@pytest.mark.parametrize("udf", [None, "2.60"], ids=["iso9660", "udf"])
def test_a_medium_is_read_without_being_unpacked(tmp_path: Path, udf: str | None) -> None:
    iso = tmp_path / "win.iso"
    disc = pycdlib.PyCdlib()
    disc.new(udf=udf)
    disc.add_directory("/SOURCES", udf_path="/sources" if udf else None)
    path = "/sources/install.esd" if udf else None
    disc.add_fp(io.BytesIO(CLIENT), len(CLIENT), "/SOURCES/INSTALL.ESD;1", udf_path=path)
    disc.write(str(iso))
    disc.close()
    assert [image.edition for image in read_medium(iso)] == ["Core", "Professional"]


def test_what_is_no_medium_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_medium(tmp_path / "none.iso")
    (tmp_path / "text.iso").write_text("no disc" * 10_000)
    with pytest.raises(UsageError, match="no ISO image"):
        read_medium(tmp_path / "text.iso")
    disc = pycdlib.PyCdlib()
    disc.new()
    disc.write(str(tmp_path / "empty.iso"))
    disc.close()
    with pytest.raises(UsageError, match="no Windows installation medium"):
        read_medium(tmp_path / "empty.iso")
