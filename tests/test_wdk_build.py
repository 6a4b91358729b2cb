"""`lab build --on`: the sources arrive, MSBuild is found and run, what it made comes back; each way to fail is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
from windows_builder import BuildMachine

from lab import wdk_build
from lab.errors import GuestLostError, HungError, InfrastructureError, UsageError
from lab.progress import Silent
from lab.wdk_build import Builder, Project, build_remotely, only_solution, parse_builder, source_files

pytestmark = pytest.mark.slow

DRIVER = Path(__file__).resolve().parents[1] / "driver"
PROJECT = Project(DRIVER, "windows/example.sln")


@pytest.fixture(scope="module")
def keys() -> tuple[paramiko.PKey, paramiko.PKey]:
    return paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()


@pytest.fixture
def machine(tmp_path: Path, keys: tuple[paramiko.PKey, paramiko.PKey]) -> Iterator[BuildMachine]:
    (tmp_path / "there").mkdir()
    machine = BuildMachine(tmp_path / "there", *keys)
    yield machine
    machine.close()


@pytest.fixture
def builder(machine: BuildMachine, tmp_path: Path, keys: tuple[paramiko.PKey, paramiko.PKey]) -> Builder:
    host, user = keys
    user.write_private_key_file(str(tmp_path / "key"))
    (tmp_path / "known").write_text(f"[127.0.0.1]:{machine.port} {host.get_name()} {host.get_base64()}\n")
    return Builder("127.0.0.1", "builder", machine.port, tmp_path / "key", tmp_path / "known")


def test_sources_go_there_and_images_come_back(machine: BuildMachine, builder: Builder, tmp_path: Path) -> None:
    brought = build_remotely(builder, PROJECT, tmp_path / "out", Silent())
    assert [each.name for each in brought] == ["example-direct.pdb", "example-direct.sys"]
    assert brought[1].read_text() == "product example-direct.sys"
    there = machine.root / "driver-lab-build"
    for file in source_files(DRIVER):
        assert (there / file.relative_to(DRIVER)).read_bytes() == file.read_bytes()
    assert (there / "windows/example-fault.vcxproj").is_file()
    assert not list(there.rglob("*.obj"))
    assert machine.commands[1].startswith(
        r'cmd.exe /c ""C:\VS\MSBuild\Current\Bin\MSBuild.exe" "driver-lab-build\windows'
    )
    assert "/p:Configuration=Release" in machine.commands[1]


def test_what_the_compiler_says_is_told(machine: BuildMachine, builder: Builder, tmp_path: Path) -> None:
    machine.code = 1
    machine.output = "control.c(12,3): warning C4100: x\r\nring.c(7,1): error C2065: 'y': undeclared\r\n" * 2
    with pytest.raises(UsageError, match=r"exit code 1:\n    ring\.c\(7,1\): error C2065: 'y': undeclared$"):
        build_remotely(builder, PROJECT, tmp_path, Silent())


def test_a_machine_without_msbuild_is_told(machine: BuildMachine, builder: Builder, tmp_path: Path) -> None:
    machine.has_msbuild = False
    with pytest.raises(InfrastructureError, match="has no MSBuild") as missing:
        build_remotely(builder, PROJECT, tmp_path, Silent())
    assert "WDK" in missing.value.advice


def test_a_build_that_leaves_nothing_is_told(machine: BuildMachine, builder: Builder, tmp_path: Path) -> None:
    machine.products = ("notes.txt",)
    with pytest.raises(InfrastructureError, match="left no driver"):
        build_remotely(builder, PROJECT, tmp_path, Silent())


def test_a_build_that_does_not_end_is_told(
    machine: BuildMachine, builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.hangs = True
    monkeypatch.setattr(wdk_build, "BUILD_DEADLINE", 0.5)
    with pytest.raises(HungError, match="did not end within 0 s"):
        build_remotely(builder, PROJECT, tmp_path, Silent())


def test_an_unknown_host_a_wrong_key_and_nobody_are_told(builder: Builder, tmp_path: Path) -> None:
    (tmp_path / "nobody").write_text("")
    with pytest.raises(GuestLostError, match="not found in known_hosts") as unknown:
        build_remotely(replace(builder, known_hosts=tmp_path / "nobody"), PROJECT, tmp_path, Silent())
    assert "ssh builder@127.0.0.1 -p" in unknown.value.advice
    with pytest.raises(InfrastructureError, match="refused the log-on of 'someone'"):
        build_remotely(replace(builder, user="someone"), PROJECT, tmp_path, Silent())
    with pytest.raises(GuestLostError, match="does not answer over SSH"):
        build_remotely(replace(builder, port=1), PROJECT, tmp_path, Silent())


def test_the_machine_is_named_as_for_ssh() -> None:
    assert parse_builder("me@vm:2222", None, None) == Builder("vm", "me", 2222)
    assert parse_builder("windows", None, None).port == 22
    for wrong in ("", "me@", "vm:ssh"):
        with pytest.raises(UsageError, match="is no host"):
            parse_builder(wrong, None, None)


def test_the_only_solution_is_taken(tmp_path: Path) -> None:
    assert only_solution(DRIVER) == "windows/example.sln"
    with pytest.raises(UsageError, match="has no"):
        only_solution(tmp_path)
    for name in ("a.sln", "b.sln"):
        (tmp_path / name).write_text("")
    with pytest.raises(UsageError, match="has several") as several:
        only_solution(tmp_path)
    assert "a.sln, b.sln" in several.value.advice


def test_a_solution_that_is_not_there_is_told_before_anything(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        build_remotely(Builder("127.0.0.1", "x", 1), Project(tmp_path, "none.sln"), tmp_path, Silent())
