"""The project for the WDK builds what the Makefile builds, from the same sources. Nobody has run MSBuild on it."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

DRIVER = Path(__file__).resolve().parents[2] / "driver"
PROJECTS = sorted((DRIVER / "windows").glob("*.vcxproj"))
NS = "{http://schemas.microsoft.com/developer/msbuild/2003}"
every_project = pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.stem)


def parse(path: Path) -> ET.Element:
    return ET.parse(path).getroot()  # noqa: S314  # our own


def listed(root: ET.Element, item: str) -> set[Path]:
    """Files of a kind that a project names, resolved; MSBuild takes paths from the project's folder."""
    names = [each.get("Include", "") for each in root.iter(f"{NS}{item}")]
    return {(DRIVER / "windows" / name.replace("\\", "/")).resolve() for name in names if name}


def makefile(variable: str) -> str:
    """What make makes of a variable."""
    command = ["make", "-s", "-C", str(DRIVER), "--eval", f"told: ; @echo '$({variable})'", "told"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@every_project
def test_a_project_has_the_sources_of_the_makefile(project: Path) -> None:
    wanted = {(DRIVER / each).resolve() for each in makefile(f"SOURCES_{project.stem}").split()}
    assert wanted
    assert listed(parse(project), "ClCompile") == wanted


@every_project
def test_a_project_has_the_switches_of_the_makefile(project: Path) -> None:
    form = parse(project).findtext(f"{NS}PropertyGroup/{NS}ExampleForm")
    assert form is not None
    assert form.split(";") == re.findall(r"-D(\S+)", makefile(f"FORM_{project.stem}"))
    assert "$(ExampleForm);" in (DRIVER / "windows/before.props").read_text()


def test_there_is_a_project_for_each_driver_and_every_one_is_in_the_solution() -> None:
    assert {each.stem for each in PROJECTS} == set(makefile("DRIVERS").split())
    solution = (DRIVER / "windows/example.sln").read_text()
    found = re.findall(r'= "([^"]+)", "([^"]+)", "(\{[0-9A-F-]{36}\})"', solution)
    assert {(name, file) for name, file, _ in found} == {(each.stem, each.name) for each in PROJECTS}
    for _, file, guid in found:
        assert parse(DRIVER / "windows" / file).findtext(f"{NS}PropertyGroup/{NS}ProjectGuid") == guid
        for configuration in ("Debug|x64", "Release|x64"):
            assert f"{guid}.{configuration}.Build.0 = {configuration}" in solution


def test_every_header_is_shown_and_every_import_of_ours_is_there() -> None:
    headers = {each.resolve() for folder in ("kernel", "include") for each in (DRIVER / folder).glob("*.h")}
    assert listed(parse(DRIVER / "windows/after.targets"), "ClInclude") == headers
    for file in (*PROJECTS, DRIVER / "windows/before.props", DRIVER / "windows/after.targets"):
        for each in parse(file).iter(f"{NS}Import"):
            name = each.get("Project", "")
            assert name.startswith("$(VCTargetsPath)\\Microsoft.Cpp.") or (DRIVER / "windows" / name).is_file()


def test_it_is_a_driver_for_windows_10_by_the_kernel_toolset() -> None:
    properties = {each.tag.removeprefix(NS): each.text for each in parse(DRIVER / "windows/before.props").iter()}
    assert properties["PlatformToolset"] == "WindowsKernelModeDriver10.0"
    assert (properties["ConfigurationType"], properties["DriverType"]) == ("Driver", "WDM")
    assert properties["TargetVersion"] == "Windows10"


@pytest.mark.parametrize("extension", [r"__attribute__", r"__typeof__", r"__builtin_", r"\(\{", r"__asm__", r"\?:"])
def test_the_sources_keep_to_what_both_compilers_know(extension: str) -> None:
    for source in [*(DRIVER / "kernel").glob("*.[ch]"), *(DRIVER / "include").glob("*.h")]:
        code = re.sub(r"/\*.*?\*/", "", source.read_text(), flags=re.DOTALL)
        assert not re.search(extension, code), f"{source.name}: {extension}"
