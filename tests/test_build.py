"""The command of lab.yaml that makes the driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import build
from lab.config import load_config
from lab.errors import UsageError
from lab.progress import Silent

CONFIG = r"""
lab: 1
device: '\\.\Example'
drivers: {one: {file: one.sys, service: One}}
"""


def run(folder: Path, command: str) -> None:
    (folder / "lab.yaml").write_text(f"{CONFIG}build: {command}\n")
    build.build(load_config(folder / "lab.yaml"), Silent())


def test_it_runs_in_the_folder_of_lab_yaml(tmp_path: Path) -> None:
    run(tmp_path, "cp lab.yaml one.sys")
    assert (tmp_path / "one.sys").is_file()


def test_the_last_lines_of_the_compiler_are_told(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all:\n\t@seq 100; echo 'one.c:3: no such type' >&2; exit 1\n")
    with pytest.raises(UsageError) as told:
        run(tmp_path, "make -s")
    lines = str(told.value).splitlines()
    assert lines[0] == f"{tmp_path}/lab.yaml: build: `make -s` failed with exit status 2:"
    assert "    one.c:3: no such type" in lines
    assert "    100" in lines
    assert len(lines) == build.SHOWN_LINES + 1
    assert (tmp_path / ".lab" / "build.log").read_text().startswith("1\n2\n")


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`nomake -s` cannot be started: No such file or directory"):
        run(tmp_path, "nomake -s")


def test_one_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "DEADLINE", 0.1)
    with pytest.raises(UsageError, match="did not end within"):
        run(tmp_path, "sleep 60")


def test_one_that_is_no_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"lab\.yaml:5: build: is no command: No closing quotation"):
        run(tmp_path, "make 'this")
