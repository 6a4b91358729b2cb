"""From a scenario file to the script that the guest performs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.config import find_config, load_config
from lab.scenario.doing import OPTIONS
from lab.scenario.load import load_scenarios
from lab.scenario.model import GuestFile, Scenario
from lab.scenario.render import guest_files, render

Parse = Callable[[str], list[Scenario]]


def script_of(scenario: Scenario) -> list[str]:
    paths = {file: rf"C:\lab\{file.kind}\{file.name}" for file in guest_files(scenario)}
    return render(scenario, paths).splitlines()


def steps_of(scenario: Scenario) -> list[str]:
    return [line for line in script_of(scenario) if line.startswith(("step", "parallel", "end"))]


def test_a_whole_script(parse: Parse) -> None:
    (scenario,) = parse(
        r"""
lab: 1
timeout: 20s
actors: {typist: {program: usedriver2.exe, args: [A B, 3, ""]}}
steps:
  - writer: {open: HELLO}
  - writer: {write: "hé\0", timeout: 500ms}
  - reader: [{open: {path: '\\.\Other'}, access: r, as: h2}, {read: 100, handle: h2}, {close: h2}]
  - typist: {type: line, await: sent}
"""
    )
    assert script_of(scenario) == [
        "traffic 1",
        "deadline 20000",
        "# case",
        "actor writer",
        "actor reader",
        r"actor typist program C:\lab\program\usedriver2.exe A%20B 3 %",
        r"step load - 20000 service reload Example C:\lab\driver\example-buffered",
        r"step 1 writer 10000 open h \\.\Example\HELLO rw",
        "step 2 writer 500 write h hex:68c3a900",
        r"step 3.1 reader 10000 open h2 \\.\Other r",
        "step 3.2 reader 10000 read h2 100",
        "step 3.3 reader 10000 close h2",
        "step 4 typist 10000 type hex:6c696e650d0a await hex:73656e74",
    ]


def test_without_isolation_nothing_is_loaded(parse: Parse) -> None:
    (scenario,) = parse("lab: 1\nisolation: none\nsteps: [{a: {open: ''}}]")
    assert steps_of(scenario) == [r"step 1 a 10000 open h \\.\Example rw"]


def test_a_step_has_no_more_time_than_the_scenario(parse: Parse) -> None:
    (scenario,) = parse("lab: 1\ntimeout: 1500ms\nisolation: none\nsteps: [{a: open}, {a: {sleep: 1s, timeout: 1m}}]")
    assert [step.timeout_ms for step in scenario.steps] == [1500, 1500]


def test_a_group_of_actors_does_a_step_one_after_the_other(parse: Parse) -> None:
    (scenario,) = parse(
        "lab: 1\nisolation: none\nactors: {w: {count: 2}}\nsteps: [{w: {open: X}}, {w2: close}, {kill: w}]"
    )
    assert steps_of(scenario) == [
        r"step 1@w1 w1 10000 open h \\.\Example\X rw",
        r"step 1@w2 w2 10000 open h \\.\Example\X rw",
        "step 2 w2 10000 close h",
        "step 3@w1 - 30000 kill w1",
        "step 3@w2 - 30000 kill w2",
    ]


def test_parallel_lanes_barriers_and_the_conductor(parse: Parse) -> None:
    (scenario,) = parse(
        """
lab: 1
isolation: none
actors: {w: {count: 2}}
steps:
  - parallel:
      w: [{barrier: go}, {open: X}, {repeat: {times: 2, steps: [{write: {fill: 4, seed: each}}]}}]
      reader: {barrier: go}
      conductor: [{sleep: 10ms}, {kill: w1}, {service: stop, name: Other}]
    timeout: 5s
"""
    )
    assert steps_of(scenario) == [
        "parallel 1 5000",
        "step 1@w1.1 w1 5000 barrier go 3",
        r"step 1@w1.2 w1 5000 open h \\.\Example\X rw",
        "step 1@w1.3#1.1 w1 5000 write h fill:4:3",
        "step 1@w1.3#2.1 w1 5000 write h fill:4:4",
        "step 1@w2.1 w2 5000 barrier go 3",
        r"step 1@w2.2 w2 5000 open h \\.\Example\X rw",
        "step 1@w2.3#1.1 w2 5000 write h fill:4:7",
        "step 1@w2.3#2.1 w2 5000 write h fill:4:8",
        "step 1@reader reader 5000 barrier go 3",
        "step 1@conductor.1 - 30000 sleep 10",
        "step 1@conductor.2 - 30000 kill w1",
        "step 1@conductor.3 - 30000 service stop Other",
        "end",
    ]
    cut = {step.actor for step in scenario.steps if step.may_be_cut}
    assert cut == {"w1"}


def test_repeated_steps_have_ids_of_their_own(parse: Parse) -> None:
    (scenario,) = parse(
        "lab: 1\nisolation: none\nsteps:\n- repeat: {times: 2, steps: [{a: [{open: X}, close]}, {sleep: 1ms}]}"
    )
    ids = [step.id for step in scenario.steps]
    assert ids == ["1#1.1.1", "1#1.1.2", "1#1.2", "1#2.1.1", "1#2.1.2", "1#2.2"]


def test_ioctls_by_name_by_code_and_with_bad_buffers(parse: Parse) -> None:
    (scenario,) = parse(
        """
lab: 1
isolation: none
steps:
  - a:
      - {open: X}
      - {ioctl: set-size, input: {size: 258, flags: -1}}
      - {ioctl: get-size}
      - {ioctl: get-size, output: {bad-pointer: 4}}
      - {ioctl: 0x22A004, data: {no-buffer: 8}, output: 16}
      - {write: {bad-pointer: 10}}
      - {read: {no-buffer: 10}}
"""
    )
    assert [" ".join(map(str, step.args)) for step in scenario.steps[1:]] == [
        "h 0x22a004 hex:02010000ff 0",
        "h 0x222000 hex: 4",
        "h 0x222000 hex: bad:4",
        "h 0x22a004 null:8 16",
        "h bad:10",
        "h null:10",
    ]


def test_service_steps(parse: Parse) -> None:
    (scenario,) = parse(
        r"""
lab: 1
isolation: none
driver: example-direct
steps:
  - service: stop
  - {service: create, name: Second}
  - {service: reload, driver: example-fault}
  - {service: create, file: 'C:\a b.sys'}
"""
    )
    direct, fault = GuestFile("driver", "example-direct"), GuestFile("driver", "example-fault")
    assert [step.args for step in scenario.steps] == [
        ("stop", "Example"),
        ("create", "Second", direct),
        ("reload", "Example", fault),
        ("create", "Example", r"C:\a b.sys"),
    ]
    assert guest_files(scenario) == (direct, fault)


def test_a_matrix_gives_a_scenario_for_each_combination(parse: Parse) -> None:
    scenarios = parse(
        "lab: 1\nmatrix: {driver: [example-direct, example-fault], n: [1, 20]}\n"
        "steps: [{a: [{open: 'N${n}'}, {read: '${n}'}]}]\nexpect: {log: {count: {'of ${n} bytes': '${n}'}}}"
    )
    assert [each.id for each in scenarios] == [
        "case[example-direct-1]",
        "case[example-direct-20]",
        "case[example-fault-1]",
        "case[example-fault-20]",
    ]
    last = scenarios[-1]
    assert last.driver.name == "example-fault"
    assert [step.args for step in last.steps[1:]] == [("h", r"\\.\Example\N20", "rw"), ("h", "20")]
    (log,) = last.log
    pattern, amount = log.count[0]
    assert (pattern.text, amount.low) == ("of 20 bytes", 20)


def test_what_a_step_or_an_actor_printed_can_be_expected_alone(parse: Parse) -> None:
    (scenario,) = parse(
        "lab: 1\nrequires: [names-below-device]\nactors: {w: {count: 2}}\n"
        "steps: [{w: [{open: X}, close]}, {repeat: {times: 2, steps: [{a: [open, close]}]}}]\n"
        "expect: {log: [{absent: x}, {actor: w, contains: x}, {step: 1, contains: x}, {step: '2#2', actor: a, count: "
        "{x: 1}}, {step: load, contains: x}, {step: '1@w2.1', contains: x}]}"
    )
    assert [(log.step, log.actors) for log in scenario.log] == [
        (None, frozenset()),
        (None, frozenset({"w1", "w2"})),
        ("1", frozenset()),
        ("2#2", frozenset({"a"})),
        ("load", frozenset()),
        ("1@w2.1", frozenset()),
    ]
    assert [str(log) for log in scenario.log[:4]] == [
        "kd log",
        "kd log of w",
        "kd log of step 1",
        "kd log of step 2#2, a",
    ]


def test_only_a_guest_that_can_tell_steps_apart_is_asked_to(parse: Parse) -> None:
    text = "lab: 1\nrequires: [names-below-device]\nsteps: [{a: open}]\nexpect: {log: {%s}}"
    (scenario,) = parse(text % "contains: x")
    assert scenario.requires == {"names-below-device"}
    (scenario,) = parse(text % "step: 1, contains: x")
    assert scenario.requires == {"names-below-device", "debug-string"}


@pytest.mark.parametrize(
    ("log", "needed"),
    [
        ("{step: 1, actor: a}", {"debug-string"}),
        ("{step: 2}", {"debug-string"}),
        ("{actor: c}", {"debug-string"}),
        ("{step: 2, actor: a}", {"debug-string", "print-process"}),
        ("{actor: b}", {"debug-string", "print-process"}),
    ],
)
def test_actors_of_a_block_are_told_apart_by_their_processes(parse: Parse, log: str, needed: set[str]) -> None:
    (scenario,) = parse(
        "lab: 1\nsteps: [{a: open}, {parallel: {a: [close], b: [open]}}, {c: open}]\n"
        f"expect: {{log: {log[:-1]}, contains: x}}}}"
    )
    assert scenario.requires == needed


def test_steps_announce_themselves_where_somebody_hears_it(parse: Parse) -> None:
    (scenario,) = parse("lab: 1\nisolation: none\nsteps: [{a: open}]")
    assert "markers on" not in render(scenario, {}).splitlines()
    assert render(scenario, {}, markers=True).splitlines()[:3] == ["traffic 1", "deadline 30000", "markers on"]


def test_data_can_be_joined_from_pieces(parse: Parse) -> None:
    (scenario,) = parse(
        "lab: 1\nisolation: none\nsteps:\n- a: [{open: X}, {write: [ab, {hex: '00 ff'}, {fill: 2, seed: 1, skip: 1}]}]"
    )
    assert scenario.steps[1].args == ("h", "hex:616200ff262d")


def test_an_actor_may_open_again_after_closing(parse: Parse) -> None:
    assert parse("lab: 1\nsteps: [{repeat: {times: 3, steps: [{a: [open, close]}]}}]")


REPOSITORY = find_config(Path(__file__).parent)


@pytest.mark.parametrize("path", sorted((REPOSITORY.parent / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_scenario_of_the_repository_is_right(path: Path) -> None:
    config = load_config(REPOSITORY)
    for scenario in load_scenarios(path, config):
        assert scenario.description
        assert script_of(scenario)
        ids = [step.id for step in scenario.steps]
        assert len(ids) == len(set(ids))


def test_the_example_in_the_guide_is_right(parse: Parse) -> None:
    guide = (REPOSITORY.parent / "scenarios" / "README.md").read_text()
    block = guide.split("Ten lines are enough:")[1].split("`pytest scenarios`")[0]
    assert parse("\n".join(line.removeprefix("    ") for line in block.splitlines()))


def test_the_guide_names_every_operation() -> None:
    guide = (REPOSITORY.parent / "scenarios" / "README.md").read_text()
    assert [name for name in OPTIONS if name not in guide] == []


def test_every_driver_is_exercised_by_the_repository() -> None:
    config = load_config(REPOSITORY)
    files = sorted((REPOSITORY.parent / "scenarios").glob("*.yaml"))
    used = {scenario.driver.name for file in files for scenario in load_scenarios(file, config)}
    assert len(files) >= 20
    assert used == set(config.drivers)
