"""The workflows for CI: of the right form, without known weaknesses, and of commands that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from lark import UnexpectedInput

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def shell_steps(path: Path) -> list[str]:
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def example(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)
    assert found
    return found[1]


def test_both_workflows_are_there() -> None:
    assert [path.name for path in WORKFLOWS] == ["nightly.yml", "pr.yml"]


def test_they_are_what_github_takes() -> None:
    checked = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    linted = run(BIN / "actionlint", *WORKFLOWS)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.slow
def test_the_example_for_gitlab_is_what_gitlab_takes(tmp_path: Path) -> None:
    (tmp_path / "gitlab.yml").write_text(example("yaml"))
    checked = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", tmp_path / "gitlab.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
def test_the_example_for_jenkins_is_groovy() -> None:
    from groovy_parser.parser import parse_groovy_content  # Not before it is needed: it takes a second.

    text = example("groovy")
    parse_groovy_content(text)
    with pytest.raises(UnexpectedInput):
        parse_groovy_content(text.replace("}", "", 1))
    assert set(re.findall(r"sh 'make ([a-z-]+)", text)) <= targets()


@pytest.mark.slow
def test_a_mistake_in_one_is_found(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs-at:"))
    assert run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", wrong).returncode != 0
    wrong.write_text(WORKFLOWS[0].read_text().replace("secrets.LAB_WEBHOOK", "secret.LAB_WEBHOOK"))
    assert 'undefined variable "secret"' in run(BIN / "actionlint", wrong).stdout


def test_they_have_no_known_weakness() -> None:
    audited = run(BIN / "zizmor", "--offline", "--no-progress", *WORKFLOWS)
    assert audited.returncode == 0, audited.stdout + audited.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_their_commands_are_shell_and_make_knows_their_targets(path: Path) -> None:
    for step in shell_steps(path):
        assert run("sh", "-n", "-c", step).returncode == 0
        assert set(re.findall(r"(?:^|&& )make ([a-z-]+)", step)) <= targets()
