"""Whatever is made up, and whatever is cut out of it, is a scenario that the loader takes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.config import Config
from lab.explore.batch import MOST_OPERATIONS, Batch
from lab.explore.case import Call, Case, Kill, Plant, Together
from lab.explore.edits import edits, size
from lab.explore.generate import make_cases
from lab.explore.ground import Ground
from lab.explore.scenario_file import Form, scenario_text
from lab.explore.staging import plain_steps
from lab.explore.strategies import cases
from lab.scenario.load import parse_scenarios
from lab.traffic.model import Interests, interests_of, load_model

PLANT = Plant("fault", {"kind": 9})


def ground(config: Config, *, kills: bool = True, plant: Plant | None = None) -> Ground:
    assert config.model
    return Ground(
        config, config.default_driver, interests_of(load_model(config.model, config.device)), kills=kills, plant=plant
    )


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_case_and_what_is_cut_out_of_it_are_right(project: Config, data: st.DataObject) -> None:
    here = ground(project, plant=data.draw(st.sampled_from([None, PLANT])))
    case = data.draw(cases(here))
    smaller = [edit.apply(case) for edit in edits(case)]
    for each in [case, *smaller[:: max(1, len(smaller) // 4)]]:
        form = Form() if each.kills else data.draw(st.sampled_from([Form(), Form(times=3)]))
        if plain_steps(each, here.names, here.plant):
            parse_scenarios(scenario_text(here, each, "as it says: right", form), "made-up.yaml", project)


def test_the_same_seed_gives_the_same_cases(project: Config) -> None:
    one, same, other = (make_cases(ground(project), seed, 12) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_without_deaths_nobody_dies_and_what_cannot_be_foretold_is_left_out(project: Config) -> None:
    here = ground(project, kills=False)
    made = make_cases(here, 3, 40)
    assert not any(case.kills for case in made)
    used = {call.words["ioctl"] for case in made for call in case.calls if call.op == "ioctl"}
    assert used == {"get-size", "set-size", "get-statistics", "set-mode"}


def test_a_driver_that_nobody_describes_can_be_explored(project: Config) -> None:
    """No model, no names, no IOCTLs: the device is opened, read and written, by a driver loaded anew for each case."""
    bare = replace(project, model=None, ioctls={}, faults={})
    here = Ground(bare, "example-direct", Interests())
    batch = Batch(here, make_cases(here, 1, 5))
    scenario = batch.scenario()
    assert {step.path for step in scenario.steps if step.op == "open"} == {project.device}
    assert sum(step.op == "service" for step in scenario.steps) == len(batch.cases)


def test_a_batch_holds_what_fits_and_knows_whose_each_step_is(project: Config) -> None:
    made = make_cases(ground(project), 4, 30) * 4
    batch = Batch(ground(project), made)
    assert 1 < len(batch.cases) < len(made)
    scenario = batch.scenario()
    assert len(scenario.actors) <= 64
    assert sum(1 for case in batch.cases for _ in case.calls) <= MOST_OPERATIONS
    names: dict[int, set[str]] = {}
    for step in scenario.steps:
        number = batch.case_of(step.id)
        if step.op == "open" and number is not None:
            names.setdefault(number, set()).add(step.path.upper())
    assert not any(names[one] & names[other] for one in names for other in names if one != other)


def test_a_case_is_written_as_a_person_would_write_it(project: Config) -> None:
    write, read = Call(0, 0, {"write": 4}), Call(1, 0, {"read": 4097})
    steps = (Together((write, read), is_ready=False), Kill(1), Call(1, 2, {"write": 4096}, handle=2), write)
    text = scenario_text(ground(project, plant=PLANT), Case(steps), "Two at once: then one dies")
    assert (
        text
        == """\
lab: 1
description: 'Two at once: then one dies'
driver: example-buffered
requires: [names-below-device, cleanup-irp]
steps:
  - parallel:
      a: [{open: ALPHA}, {ioctl: fault, input: {kind: 9}, expect: any}, {write: a123, expect: any}]
      b: [{open: ALPHA}, {read: 4097, expect: any}]
  - kill: b
  - b2:
      - {open: alpha, access: r}
      - {ioctl: fault, input: {kind: 9}, expect: any}
      - {write: {fill: 4096, seed: each}, expect: any}
  - a: {write: c123, expect: any}
expect:
  history: linearizable
"""
    )
    parse_scenarios(text, "made-up.yaml", project)


def test_edits_make_a_case_smaller(project: Config) -> None:
    for case in make_cases(ground(project), 5, 12):
        for edit in edits(case):
            assert size(edit.apply(case)) < size(case)
