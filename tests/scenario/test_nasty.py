"""Whatever stands at any place of a scenario, the loader takes it or says what is wrong; nothing else comes out."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lab.config import Config
from lab.document import Document, FileError, Problem
from lab.scenario.load import check_scenarios
from lab.structure import _is_valid, load_schema
from lab.yaml_file import parse_document

EVERYTHING = r"""
lab: 1
description: every word of the language
tags: [smoke]
guest: wine
matrix: {driver: [example-direct], size: [1]}
requires: [names-below-device]
isolation: snapshot
timeout: 20s
seed: 7
schedule: {seeded: 3}
known_issue: {reason: why, until: 2030-01-31, only: {size: 1}}
debugger: {prompts: [{match: Break, answer: i}], stops: {exception: hold}}
actors:
  tool: {program: usedriver2.exe, args: [HELLO, 3], env: {A: b}, count: 2}
  fed: {program: usedriver2.exe, stdin: [a, {hex: '0d 0a'}]}
  writer: {user: guest}
steps:
  - writer: {open: {path: '\\.\Other'}, as: h2, access: rw, overlapped: true, timeout: 1s}
  - writer: [{open: HELLO, expect: {duration: {min: 1ms, max: 1s}, status: [STATUS_SUCCESS, 0]}}]
  - writer: {write: {fill: 10, seed: each, skip: 3}, handle: h2, expect: {bytes: {min: 1, max: 10}}}
  - writer: {read: {no-buffer: 4}, expect: {error: [ERROR_BUSY, 5]}}
  - writer: {ioctl: set-size, input: {size: 64}, expect: any}
  - writer: {ioctl: get-size, output: 4, expect: {output: {size: 64}, data: {text: x}}}
  - writer: {ioctl: 0x222000, data: {hex: '40'}, output: {bad-pointer: 3}}
  - writer: {write: x, handle: h2, begin: r1}
  - writer: [{cancel: r1}, {finish: r1, expect: {error: any}}, {sleep: 1ms}, flush]
  - repeat: {times: 2, steps: [{writer: {repeat: {times: 2, steps: [{read: 3, expect: {text: abc}}]}}}]}
  - parallel:
      writer: [{barrier: go}, {read: 3}]
      reader: [{barrier: go}, open]
      conductor: [{sleep: 1ms}, {kill: reader}]
  - tool: {type: a line, await: sent}
  - {service: create, name: Other, driver: example-direct, expect: {state: stopped}}
  - {wait: fed, timeout: 5s, expect: {code: 0}}
  - writer: {exit: 3}
expect:
  log:
    - {step: 3, actor: writer, contains: [a, /b/, {regex: c}], absent: d, order: [e, f]}
    - {count: {g: {min: 1}}, pairs: {'/h (.*)/': i}}
  history: {conserved: [HELLO]}
  end: {state: {HELLO: {get-size: {size: {min: 1}}}}, unload: true}
  crash: {code: 0xE2, parameters: [1, null], module: x, function: y}
"""

NASTY: tuple[Any, ...] = (None, True, "", "no", "${size}", "${", "\0", -1, 3.5, 1 << 70, [], {"x": {}})


def places(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield where
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*where, key))


def with_value(data: Any, where: tuple[Any, ...], value: Any) -> Any:
    if not where:
        return value
    changed = copy.copy(data)
    changed[where[0]] = with_value(data[where[0]], where[1:], value)
    return changed


def loads(document: Document, data: Any, config: Config) -> bool:
    """Raises whatever is neither a good scenario nor an error that names places of the file."""
    problems: list[Problem] = []
    try:
        check_scenarios(Document("case.yaml", data, dict(document.lines)), Path("case.yaml"), config)
    except FileError as error:
        problems = error.problems
    assert all(len(str(problem)) < 1000 and str(problem).isprintable() for problem in problems)
    return not problems


def test_every_word_of_the_language_can_be_used_at_once(config: Config) -> None:
    document = parse_document(EVERYTHING.encode(), "case.yaml")
    (scenario,) = check_scenarios(document, Path("case.yaml"), config)
    assert scenario.requires >= {"other-users", "debug-string"}


@pytest.mark.slow
@pytest.mark.parametrize("value", NASTY, ids=[repr(value)[:12] for value in NASTY])
def test_a_nasty_value_anywhere_is_taken_or_refused(value: Any, config: Config) -> None:
    document = parse_document(EVERYTHING.encode(), "case.yaml")
    validator = Draft202012Validator(load_schema("lab.scenario", "schema.json"))
    for where in places(document.data):
        data = with_value(document.data, where, value)
        is_good = loads(document, data, config)
        assert validator.is_valid(data) == _is_valid("lab.scenario", "schema.json")(data), where
        assert not is_good or value == "${size}" or validator.is_valid(data), where
