"""The INF says what a driver of no device needs, and nothing in it can be another directive than was meant."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from lab.errors import UsageError
from vm_images.windows.inf import write_inf

from .test_signing import DRIVER


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    path = tmp_path / "my-driver.sys"
    path.write_bytes(DRIVER.read_bytes())
    return path


def test_sections_lead_to_each_other(driver: Path) -> None:
    text = write_inf(driver, "MyService", "Some Company").read_text()
    inf = configparser.ConfigParser(allow_no_value=True, interpolation=None, comment_prefixes=(";",))
    inf.read_string(text)
    assert inf["Version"]["CatalogFile"] == "my-driver.cat"
    assert inf["DefaultInstall.NTamd64"]["CopyFiles"] in inf
    service, _, section = inf["DefaultInstall.NTamd64.Services"]["AddService"].split(",")
    assert service == "MyService"
    assert inf[section]["ServiceBinary"] == r"%13%\my-driver.sys"
    assert inf[section]["StartType"] == "3"
    assert list(inf["Driver_Files"]) == ["my-driver.sys"]
    assert inf["DestinationDirs"]["DefaultDestDir"] == "13"
    assert inf["Strings"]["Provider"] == '"Some Company"'


@pytest.mark.parametrize("service", ["a,b", 'a"b', "a\nb", "", "%x%"])
def test_names_that_would_be_directives_are_refused(driver: Path, service: str) -> None:
    with pytest.raises(UsageError, match="cannot stand in an INF"):
        write_inf(driver, service, "x")


def test_what_is_no_driver_gets_none(tmp_path: Path) -> None:
    (tmp_path / "x.sys").write_text("text")
    with pytest.raises(UsageError, match="no Windows executable"):
        write_inf(tmp_path / "x.sys", "x", "x")
