"""One line of `kd.jsonl`, version 1.

A line is a JSON object in ASCII, ended by a line feed. These fields every entry has:

| field      | type          | meaning                                                            |
|------------|---------------|--------------------------------------------------------------------|
| `v`        | 1             | version of this format                                             |
| `seq`      | integer       | 1, 2, 3, ... through the whole file, whoever goes on with it       |
| `t`        | number        | host time, seconds since 1970                                      |
| `kind`     | string        | `print`, `raw`, `prompt`, `module`, `stop`, `bugcheck`, `resync`, `marker` or `note` |
| `cpu`      | integer, null | processor that sent it                                             |
| `text`     | string        | see below                                                          |
| `scenario` | string, null  | scenario during which it came                                      |

The `text` of a `print` is exactly what the target printed, one character (U+0000 to U+00FF) per byte: all of them
in order, without separators, are the whole output. The text of other kinds is for people.

These fields stand in the entries of a target's doing where they are known, and are missing elsewhere:

| field       | type    | meaning                                                                            |
|-------------|---------|------------------------------------------------------------------------------------|
| `component` | integer | of a print: DbgPrintEx component (`DPFLTR_...`), as 77 IHVDRIVER, 101 DEFAULT      |
| `level`     | integer | of a print: DbgPrintEx level, 0 error, 1 warning, 2 trace, 3 info, or another bit  |
| `process`   | integer | of a print: id of the process whose request the driver served                      |
| `step`      | string  | id of the scenario's step during which it came                                     |
| `actor`     | string  | the scenario's actor that caused it                                                |
| `marker`    | object  | the print is an announcement by the traffic program, its fields are in lab/kd/attribution.py |

Fields of single kinds (numbers are integers, also addresses; `bytes` of memory are hexadecimal text):

- `prompt`: `answer`; `failed` (true: the policy calls this prompt a failure)
- `module`: `name`, `base`, `size`, `checksum`, `unload`
- `stop`: `code`, `address`, `pc`, `first_chance`, `reason` (`break-in`, `breakpoint`, `exception` or `bugcheck`),
  `answered` (`continue` or `hold`)
- `bugcheck`: `code`, `parameters` (four), `driver` (null when not named), `source` (`text` that the target printed, or
  its `memory`: one bugcheck may be told by both)
- `note`: `lost` (true: the link is gone); `debugger` (another one has `attached`, `left` or was `refused`); of a file
  that the target asked for: `file` (its name), `served` and `bytes`
  (file of the host that it got, and its size); of what was collected at the unexpected stop before: `pc`,
  `registers` (by name), `stack` and `code` (`address` and, in hexadecimal, `bytes` of each; missing when they could
  not be read); of a TRACE_IO packet: `trace` (the whole message in hexadecimal)

Compatibility: fields and kinds may be added within a version; what is there keeps its name, type and meaning, or `v`
rises. So a reader ignores fields and kinds that it does not know, lines whose `v` it does not know, and a last line
that has no line feed yet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import orjson

VERSION = 1
_COMMON = ("v", "seq", "t", "kind", "cpu", "text", "scenario")
_pick = itemgetter(*_COMMON[1:])


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry of a kd log; see the module's description for the fields."""

    seq: int
    t: float
    kind: str
    cpu: int | None
    text: str
    scenario: str | None
    extras: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The entry's line, without the line feed."""
        common = [VERSION, self.seq, round(self.t, 6), self.kind, self.cpu, self.text, self.scenario]
        return json.dumps(dict(zip(_COMMON, common, strict=True)) | self.extras, separators=(",", ":"))

    @classmethod
    def of(cls, fields: dict[str, Any]) -> LogEntry:
        """The entry with these fields, as `parse_fields` gives them."""
        extras = {}
        if len(fields) > len(_COMMON):
            extras = {name: value for name, value in fields.items() if name not in _COMMON}
        seq, t, kind, cpu, text, scenario = _pick(fields)
        return cls(seq, t, kind, cpu, text, scenario, extras)


def parse_line(line: bytes) -> LogEntry | None:
    """The entry of a line; None for a line that is none: one that was cut off when its writer was killed."""
    fields = parse_fields(line)
    return None if fields is None else LogEntry.of(fields)


def parse_fields(line: bytes) -> dict[str, Any] | None:
    """All fields of a line's entry, those that every entry has with their types checked; None as in `parse_line`."""
    try:
        fields = orjson.loads(line)
        if (
            fields["v"] != VERSION
            or type(fields["text"]) is not str
            or type(fields["kind"]) is not str
            or type(fields["seq"]) is not int
            or not isinstance(fields["t"], int | float)
            or not isinstance(fields["scenario"], str | None)
            or not isinstance(fields["cpu"], int | None)
        ):
            return None
    except (ValueError, TypeError, KeyError):
        return None
    result: dict[str, Any] = fields
    return result
