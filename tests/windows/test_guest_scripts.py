"""What runs in a Windows guest is PowerShell, of commands that are documented, with parameters that they have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from vm_images.windows.media import GUEST

from .documented_commands import CMDLETS, COMMON, OWN, TOOLS

SCRIPTS = sorted(GUEST.glob("*.ps1"))
every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)


def parse(text: bytes) -> Node:
    return Parser(Language(tree_sitter_powershell.language())).parse(text).root_node


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


def mistakes(root: Node) -> list[Node]:
    return [node for node in nodes(root) if node.type == "ERROR" or node.is_missing]


def undocumented(root: Node) -> Iterator[str]:
    """Commands that the table has not, and parameters that it does not know of them."""
    for node in nodes(root):
        if node.type != "command":
            continue
        name = text(node.child_by_field_name("command_name"))
        elements = node.child_by_field_name("command_elements")
        arguments = [each for each in (elements.children if elements else []) if each.type != "command_argument_sep"]
        if name == "Invoke-Tool":
            name = text(arguments[0]).strip("'")
        elif not name[0].isalpha():
            continue  # A block of the script's own, or a file that it names.
        parameters = {text(each) for each in arguments if each.type == "command_parameter"}
        known = {**CMDLETS, **TOOLS, **OWN}.get(name)
        if known is None:
            yield name
        else:
            yield from sorted(f"{name} {each}" for each in parameters - known - COMMON)


def text(node: Node | None) -> str:
    assert node
    assert node.text
    return node.text.decode()


@every_script
def test_scripts_are_powershell(script: Path) -> None:
    assert [node.start_point for node in mistakes(parse(script.read_bytes()))] == []


def test_the_grammar_sees_a_mistake() -> None:
    assert mistakes(parse(b"if ($x { Get-Item }"))


@every_script
def test_every_command_is_documented_with_its_parameters(script: Path) -> None:
    assert list(undocumented(parse(script.read_bytes()))) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Set-Servise sshd", "Set-Servise"),
        ("if ($x) { Get-Item a | Remove-Item -Recursive }", "Remove-Item -Recursive"),
        ("Invoke-Tool 'bcdedt.exe' @('/debug', 'on')", "bcdedt.exe"),
    ],
)
def test_a_command_that_is_not_documented_is_seen(line: str, told: str) -> None:
    assert list(undocumented(parse(line.encode()))) == [told]


def test_every_stage_names_the_documentation_of_its_commands() -> None:
    lines = (GUEST / "provision.ps1").read_text().splitlines()
    stages = [i for i, line in enumerate(lines) if line.startswith("    '") and line.endswith("' = {")]
    assert len(stages) > 10
    for i in stages:
        assert lines[i - 1].strip().startswith("# learn.microsoft.com: "), lines[i]


def test_a_stage_runs_no_tool_whose_failure_would_go_unseen() -> None:
    text = (GUEST / "provision.ps1").read_text()
    for tool in ("bcdedit", "certutil", "powercfg", "schtasks", "net", "sc", "tzutil"):
        for line in text.splitlines():
            assert f"{tool}.exe" not in line or f"Invoke-Tool '{tool}.exe'" in line, line
