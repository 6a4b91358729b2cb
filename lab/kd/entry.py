"""One line of `kd.jsonl`, version 1.

A line is a JSON object in ASCII, ended by a line feed:

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

Further fields by kind (numbers are integers):

- `prompt`: `answer`
- `module`: `name`, `base`, `size`, `checksum`, `unload`
- `stop`: `code`, `address`, `pc`, `first_chance`, `reason` (`break-in`, `breakpoint`, `exception` or `bugcheck`),
  `answered` (`continue` or `hold`)
- `bugcheck`: `code`, `parameters` (four), `driver` (null when not named)
- `note`: `lost` (true: the link is gone), `file` (name of a file that the target asked for)

A reader ignores fields and kinds that it does not know, and a last line that has no line feed yet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

VERSION = 1
_COMMON = ("v", "seq", "t", "kind", "cpu", "text", "scenario")


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


def parse_line(line: bytes) -> LogEntry | None:
    """The entry of a line; None for a line that is none: one that was cut off when its writer was killed."""
    try:
        data = json.loads(line)
    except ValueError:
        return None
    if not isinstance(data, dict) or data.get("v") != VERSION:
        return None
    try:
        seq, t, kind, cpu, text, scenario = (data.pop(name) for name in _COMMON[1:])
    except KeyError:
        return None
    del data["v"]
    return LogEntry(seq, t, kind, cpu, text, scenario, data)
