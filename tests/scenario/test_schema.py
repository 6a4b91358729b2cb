"""The published schema, as editors use it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lab.config import load_config
from lab.scenario.published import published_schema
from lab.structure import load_schema
from lab.yaml_file import parse_document, read_document

from . import test_errors, test_word_errors

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = published_schema(load_config(ROOT / "lab.yaml"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_is_valid_as_it_stands(path: Path, validator: Draft202012Validator) -> None:
    assert [error.message for error in validator.iter_errors(read_document(path).data)] == []


FORMAL = re.compile(r": (is not a known field|'.*' is (malformed|not known)|cannot be \S+:|'.*' is missing|is empty)")
REFUSED = {
    name: text
    for name, (text, message) in (test_errors.FILES | test_word_errors.CASES).items()
    if FORMAL.search(message) and ": file: is empty" not in message and "${" not in text
}
"""What is wrong with these files can be seen without knowing what their words mean."""


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_the_loader_refuses_for_its_form_an_editor_marks(text: str) -> None:
    schema = load_schema("lab.scenario", "schema.json")
    assert not Draft202012Validator(schema).is_valid(parse_document(text.encode(), "case.yaml").data)


def properties(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        for name, each in schema.get("properties", {}).items():
            if isinstance(each, dict):
                yield name, each
        for each in schema.values():
            yield from properties(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from properties(each)


def test_every_field_is_described() -> None:
    schema = load_schema("lab.scenario", "schema.json")
    for name, each in properties(schema):
        target = schema["$defs"][each["$ref"].rpartition("/")[2]] if "$ref" in each else {}
        assert "description" in {**target, **each}, name


def test_every_example_is_valid() -> None:
    schema = load_schema("lab.scenario", "schema.json")
    for name, each in properties(schema):
        for example in each.get("examples", []):
            whole = {"$defs": schema["$defs"], **each}
            assert Draft202012Validator(whole).is_valid(example), (name, json.dumps(example))


def test_names_of_lab_yaml_are_offered_and_others_marked(validator: Draft202012Validator) -> None:
    def is_valid(**more: Any) -> bool:
        return validator.is_valid({"lab": 1, "steps": [{"a": {"open": "X"}}]} | more)

    assert is_valid(driver="example-direct", requires=["irql"])
    assert is_valid(driver="${driver}", matrix={"driver": ["example-direct"]})
    assert not is_valid(driver="example-direkt")
    assert not is_valid(requires=["iqrl"])
    assert is_valid(steps=[{"a": {"ioctl": "get-size"}}, {"a": {"ioctl": 0x222000}}])
    assert not is_valid(steps=[{"a": {"ioctl": "get-sise"}}])
    assert is_valid(steps=[{"a": {"open": "X", "expect": {"error": ["ERROR_BUSY", 5]}}}])
    assert not is_valid(steps=[{"a": {"open": "X", "expect": {"error": "ERROR_BUSSY"}}}])
