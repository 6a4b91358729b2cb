"""The JSON Schema of scenarios as editors use it: with the names of the lab.yaml at hand."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

from lab.config import Config
from lab.guest.capabilities import CAPABILITIES
from lab.scenario.expected_crash import bugcheck_codes
from lab.structure import load_schema
from lab.traffic.ntstatus import STATUSES
from lab.traffic.win32 import ERRORS

PUBLISHED = Path(".lab/scenario.schema.json")
"""Below the directory of lab.yaml."""
_REFERENCE = {"$ref": "#/$defs/reference"}
_AMOUNT = {"$ref": "#/$defs/amount"}


def published_schema(config: Config | None) -> dict[str, Any]:
    """What the loader checks by, and beyond that which drivers, programs, IOCTLs, errors and capabilities there are."""
    schema = deepcopy(load_schema("lab.scenario", "schema.json"))
    parts = schema["$defs"]
    fields = parts["expected"]["properties"]
    _name(fields["error"], ["any", *ERRORS])
    _name(fields["error"]["items"], ERRORS)
    _name(fields["status"], STATUSES)
    _name(fields["status"]["items"], STATUSES)
    _name(schema["properties"]["requires"]["items"], CAPABILITIES)
    _name(schema["properties"]["expect"]["properties"]["crash"]["properties"]["code"], bugcheck_codes())
    if config is None:
        return schema
    _name(schema["properties"]["driver"], config.drivers)
    _name(parts["driverName"], config.drivers)
    _name(parts["operation"]["properties"]["ioctl"], config.ioctls)
    program = schema["properties"]["actors"]["additionalProperties"]["properties"]["program"]
    _name(program, config.programs, {"pattern": r"\\"})
    outputs = {name: {field.name: _AMOUNT for field in each.output} for name, each in config.ioctls.items()}
    fields["output"]["properties"] = {field: _AMOUNT for each in outputs.values() for field in each}
    asked = parts["state"]["additionalProperties"]
    asked["properties"] = {
        name: {"type": "object", "minProperties": 1, "additionalProperties": False, "properties": each}
        for name, each in outputs.items()
        if each and not config.ioctls[name].input
    }
    return schema


def _name(schema: dict[str, Any], names: Iterable[str], *others: dict[str, Any]) -> None:
    """Text in this place is one of the names, a reference to the matrix, or as `others` say."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    schema["anyOf"] = [{"enum": sorted(names)}, _REFERENCE, *others]
    schema["anyOf"] += [{"type": kind} for kind in kinds if kind != "string"]


def publish_schema(config: Config) -> Path:
    """Write the schema to where the scenarios' first lines look for it; return that place."""
    path = config.root / PUBLISHED
    text = json.dumps(published_schema(config), indent=1) + "\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}")
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    return path
