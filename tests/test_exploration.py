"""The command `lab explore`: what is wrong with its options is told before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cli import run
from lab.config import Config, load_config
from lab.document import FileError


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--minutes", "0"], "--minutes leaves no time"),
        (["--driver", "example-direkt"], "--driver: lab.yaml has no 'example-direkt'"),
        (["--plant", "nothing"], "--plant: lab.yaml has no 'nothing'"),
    ],
)
def test_wrong_options(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explore", *options]) == 2
    assert told in capsys.readouterr().err


def test_this_projects_faults_are_found_by_scenarios_that_exist(project: Config) -> None:
    assert {"lost-update", "reference-leak"} <= set(project.faults)
    assert all(path.is_file() for fault in project.faults.values() for path in fault.found_by)


def test_a_fault_names_what_lab_yaml_has(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(
        "lab: 1\ndevice: '\\\\.\\X'\ndrivers: {mine: {file: a.sys, service: A}}\n"
        "faults:\n  leak: {driver: mien, ioctl: fault}\n"
    )
    with pytest.raises(FileError) as caught:
        load_config(path)
    told = str(caught.value).split("\n")
    assert any("faults.leak.driver: 'mien' is not in lab.yaml: did you mean 'mine'?" in line for line in told)
    assert any("faults.leak.ioctl: 'fault' is not in lab.yaml" in line for line in told)
