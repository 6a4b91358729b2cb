"""Setup of the host: what it finds, and what it says where it can do nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lab import bootstrap

ROOT = Path(__file__).resolve().parents[1]


def test_second_run_does_nothing_and_says_nothing() -> None:
    ran = subprocess.run([sys.executable, ROOT / "lab/bootstrap.py"], capture_output=True, text=True, check=True)
    assert ran.stdout == ""


def test_it_runs_on_the_bare_standard_library() -> None:
    command = [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({str(ROOT / 'lab/bootstrap.py')!r})"]
    subprocess.run(command, check=True, capture_output=True)


def test_installed_and_missing_packages_are_told_apart() -> None:
    assert bootstrap.is_installed("make")
    assert not bootstrap.is_installed("no-such-package-anywhere")


def test_other_distributions_are_told_which_programs_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(bootstrap.SetupError) as caught:
        bootstrap.require_tools()
    assert all(tool in str(caught.value) for tool in bootstrap.TOOLS)


def test_without_root_and_sudo_the_command_to_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(bootstrap.SetupError, match="apt-get install -y foo"):
        bootstrap.run_as_root(["apt-get", "install", "-y", "foo"])


def test_old_python_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bootstrap, "PYTHON", (9, 9))
    assert bootstrap.main() == 3
    assert "Python 9.9 or newer is needed" in capsys.readouterr().err
