"""Checks a document against a JSON Schema, and says what is wrong in words of the document.

Two validators: a fast one says whether anything is wrong, which is seldom; then a talkative one says what.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from lab.document import Document, Location, Problem, shown, suggestion

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


@cache
def load_schema(package: str, name: str) -> dict[str, Any]:
    """The JSON Schema that is published beside the code that uses it."""
    text = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


REFERENCE = "[$][{]"
"""Pattern of the schema for text that stands where text is not wanted: a value of the matrix will replace it."""


@cache
def _is_valid(package: str, name: str) -> Callable[[Any], bool]:
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator(load_schema(package, name)).is_valid


@cache
def _validator(package: str, name: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator  # A quarter of a second, which good files have no use for.

    return Draft202012Validator(load_schema(package, name))


def check_structure(document: Document, package: str, name: str) -> list[Problem]:
    """Problems of the document against the schema `name` in `package`."""
    return [problem for _, problem in structure_problems(document, package, name, document.data)]


def structure_problems(document: Document, package: str, name: str, data: Any) -> Iterator[tuple[Location, Problem]]:
    """Where `data`, which stands for the document's, breaks the schema, and how."""
    if _is_valid(package, name)(data):
        return
    for error in _validator(package, name).iter_errors(data):
        where: Location = tuple(error.absolute_path)
        for extra, what, right in _tell(error):
            place = (*where, *extra)
            yield place, document.problem(place, what, right)


@dataclass(frozen=True)
class _Fault:
    """The parts of a ValidationError that its telling needs."""

    schema: dict[str, Any]
    wanted: Any
    instance: Any
    message: str

    @property
    def hint(self) -> str:
        """What would be right: the schema's own `description`, which is written to follow a colon."""
        return str(self.schema.get("description", ""))


Telling = Iterator[tuple[Location, str, str]]


def _tell(error: ValidationError) -> Telling:
    schema = error.schema if isinstance(error.schema, dict) else {}
    fault = _Fault(schema, error.validator_value, error.instance, error.message)
    if "propertyNames" in error.absolute_schema_path:
        yield (str(error.instance),), "is not a name", fault.hint
        return
    yield from _TELLERS.get(str(error.validator), _tell_other)(fault)


def _tell_type(fault: _Fault) -> Telling:
    wanted = fault.wanted
    names = wanted if isinstance(wanted, list) else [wanted]
    if fault.schema.get("pattern") == REFERENCE:
        names = [name for name in names if name != "string"]
    right = fault.hint or " or ".join(_NAMES[name] for name in names)
    value = fault.instance
    if "boolean" in names and value in ("yes", "no", "on", "off", "y", "n"):
        right = f"write {'true' if value in ('yes', 'on', 'y') else 'false'}"
    elif "string" in names and isinstance(value, int | float) and not fault.hint:
        right = f"text in quotes, '{shown(value)}'"
    elif value is None and not fault.hint:
        right = f"{right} after the colon"
    kinds = " or ".join(_NAMES[name] for name in names)
    yield (), f"cannot be {shown(value)}" if fault.hint else f"is {shown(value)}, not {kinds}", right


def _tell_extra(fault: _Fault) -> Telling:
    known = list(fault.schema.get("properties", {}))
    patterns = list(fault.schema.get("patternProperties", {}))
    for key in fault.instance:
        if key in known or any(_matches(pattern, key) for pattern in patterns):
            continue
        yield (
            (key,),
            "is not a known field here",
            suggestion(key, [k for k in known if k not in fault.instance]),
        )


def _matches(pattern: str, key: str) -> bool:
    return re.search(pattern, key) is not None


def _tell_required(fault: _Fault) -> Telling:
    missing = next(name for name in fault.wanted if f"'{name}'" in fault.message)
    about = fault.schema.get("properties", {}).get(missing, {})
    yield (), f"'{missing}' is missing", str(about.get("description") or f"add `{missing}:`")


def _tell_enum(fault: _Fault) -> Telling:
    known = [str(value) for value in fault.wanted]
    yield (), f"{shown(fault.instance)} is not known", suggestion(str(fault.instance), known)


def _tell_any_of(fault: _Fault) -> Telling:
    """The first alternative is what is meant, the others are ways to put off saying it."""
    meant = fault.wanted[0]
    if "enum" in meant:
        yield from _tell_enum(replace(fault, wanted=meant["enum"]))
    else:
        yield from _tell_type(replace(fault, wanted=meant["type"]))


def _tell_const(fault: _Fault) -> Telling:
    yield (), f"is {shown(fault.instance)}", fault.hint or shown(fault.wanted)


def _tell_range(fault: _Fault) -> Telling:
    schema = fault.schema
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = f"from {low} to {high}" if high is not None and low is not None else f"at least {low}"
    yield (), f"is {shown(fault.instance)}", f"a number {bounds}"


def _tell_pattern(fault: _Fault) -> Telling:
    if fault.wanted == REFERENCE:
        yield from _tell_type(replace(fault, wanted=fault.schema["type"]))
        return
    yield (), f"{shown(fault.instance)} is malformed", fault.hint or f"text like {fault.wanted}"


def _tell_few(fault: _Fault) -> Telling:
    yield (), "is empty", fault.hint or f"at least {fault.wanted}"


def _tell_many(fault: _Fault) -> Telling:
    limit = fault.wanted
    yield (
        (),
        f"holds {len(fault.instance)} where {limit} at most can stand",
        fault.hint or f"at most {limit}",
    )


def _tell_twice(fault: _Fault) -> Telling:
    for i, value in enumerate(fault.instance):
        if value in fault.instance[:i]:
            yield (i,), f"{shown(value)} stands twice", "each once"


def _tell_other(fault: _Fault) -> Telling:
    yield (), f"{shown(fault.instance)} is not right", fault.hint or fault.message


_TELLERS = {
    "type": _tell_type,
    "additionalProperties": _tell_extra,
    "required": _tell_required,
    "anyOf": _tell_any_of,
    "enum": _tell_enum,
    "const": _tell_const,
    "minimum": _tell_range,
    "maximum": _tell_range,
    "pattern": _tell_pattern,
    "minItems": _tell_few,
    "minProperties": _tell_few,
    "minLength": _tell_few,
    "uniqueItems": _tell_twice,
    "maxItems": _tell_many,
    "maxProperties": _tell_many,
    "maxLength": _tell_many,
}
