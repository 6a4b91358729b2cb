"""What a scenario does when all its steps are done: end the processes, ask the device, unload the driver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.config import Config, load_config
from lab.scenario.load import parse_scenarios
from lab.scenario.model import Scenario
from lab.scenario.render import guest_files, render

from .conftest import CONFIG

Parse = Callable[[str], list[Scenario]]

CLEAN = """
clean:
  state: {OTHER: {get-size: {size: {min: 1}}}}
  unload: true
  log: {contains: contexts 0}
"""


def ids(scenario: Scenario) -> list[str]:
    return [f"{step.id} {step.actor} {step.op}" for step in scenario.steps if not step.id[0].isdigit()]


def test_processes_end_before_the_device_is_asked(parse: Parse) -> None:
    (scenario,) = parse(
        "lab: 1\nactors: {tool: {program: usedriver2.exe}}\n"
        "steps: [{a: {open: X}}, {gone: [{open: X}, {exit: 1}]}, {tool: {await: ready}}]\n"
        "expect: {log: {absent: y}, "
        "end: {state: {X: {get-size: {size: 4096}}, '': {get-size: {size: 1}}}, unload: true}}"
    )
    assert ids(scenario) == [
        "load - service",
        "end@a a wait",
        "end@tool - kill",
        "state.1 (end) open",
        "state.2 (end) ioctl",
        "state.3 (end) close",
        "state.4 (end) open",
        "state.5 (end) ioctl",
        "state.6 (end) close",
        "unload - service",
    ]
    assert "debug-string" in scenario.requires  # The log has to leave out what asking makes the driver print.
    script = render(scenario, {file: "C:\\" + file.name for file in guest_files(scenario)})
    assert "actor (end)\n" in script
    assert "step unload - 10000 service stop Example\n" in script


def test_without_an_end_state_nothing_is_added(parse: Parse) -> None:
    (scenario,) = parse("lab: 1\nsteps: [{a: {open: X}}]\nexpect: {log: {absent: y}}")
    assert ids(scenario) == ["load - service"]
    assert scenario.requires == frozenset()


def clean_config(tmp_path: Path) -> Config:
    path = tmp_path / "lab.yaml"
    path.write_text(CONFIG + CLEAN)
    return load_config(path)


def test_clean_is_what_lab_yaml_says_and_more_can_be_wanted(tmp_path: Path) -> None:
    (scenario,) = parse_scenarios(
        "lab: 1\nsteps: [{a: {open: X}}]\nexpect: {end: {clean: true, state: {X: {get-size: {size: 1}}}}}",
        "case.yaml",
        clean_config(tmp_path),
    )
    assert [step.path for step in scenario.steps if step.actor == "(end)" and step.op == "open"] == [
        r"\\.\Example\X",
        r"\\.\Example\OTHER",
    ]
    assert scenario.steps[-1].id == "unload"
    assert [str(pattern) for wanted in scenario.log for pattern in wanted.contains] == ["'contexts 0'"]
