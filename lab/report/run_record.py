"""One run as a whole, and its file `run.json`, version 1.

| field | type | meaning |
|---|---|---|
| `v` | 1 | version of this format |
| `id` | text | 32 hexadecimal digits, unlike any other run's |
| `name` | text | the directory's name |
| `kind` | text | `scenarios`, or `drill`: crashes on purpose |
| `began`, `ended` | number | seconds since 1970 |
| `seed` | number, null | what `seed: random` stood for; null: each scenario drew its own |
| `counts` | object | scenarios by cause class |
| `from` | object | attestation, as in the `result.json` of the last scenario that has one |
| `outcomes` | array | one object for each scenario, in the order of their beginning; the fields of `Outcome` |

Fields may be added within a version; what is there keeps its name, type and meaning.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from lab.document import printable
from lab.errors import Cause, UsageError
from lab.report.record import RESULT, read_json

VERSION = 1
RUN = "run.json"
SCENARIOS = "scenarios"
DRILL = "drill"
KIND = "kind"
"""A file that tells the kind of a run from its beginning on, where it is no run of scenarios."""
MAX_TEXT = 1000
MAX_NAME = 300
BAD = frozenset(each.value for each in (Cause.FAILED, Cause.CRASHED, Cause.HUNG, Cause.GUEST_LOST))
"""Causes that speak against the driver."""


@dataclass(frozen=True)
class Outcome:
    """How one scenario of a run ended: what lists, comparisons and the history need of its result."""

    scenario: str
    """With its point of the matrix."""
    cause: str
    reason: str = ""
    known: bool = False
    """A known issue explains it."""
    directory: str = ""
    """Name below the run's; empty when the scenario left nothing."""
    began: float = 0.0
    seconds: float = 0.0
    operations: int = 0
    driver: str = ""
    driver_hash: str = ""
    guest: str = ""
    image: str = ""
    verifier: str = "off"
    seed: int | None = None
    signature: str = ""
    signature_text: str = ""

    @property
    def is_bad(self) -> bool:
        """It speaks against the driver, and nobody knew."""
        return self.cause in BAD and not self.known


@dataclass(frozen=True)
class RunRecord:
    """What one invocation did."""

    directory: Path
    id: str
    name: str
    began: float
    ended: float
    kind: str = SCENARIOS
    seed: int | None = None
    attestation: Mapping[str, Any] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()

    @property
    def counts(self) -> Counter[str]:
        """Scenarios by cause class."""
        return Counter(each.cause for each in self.outcomes)

    @property
    def bad(self) -> list[Outcome]:
        """What speaks against the driver, and nobody knew."""
        return [each for each in self.outcomes if each.is_bad]

    def to_json(self) -> dict[str, Any]:
        """As in the module's description."""
        return {
            "v": VERSION,
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "began": round(self.began, 3),
            "ended": round(self.ended, 3),
            "seed": self.seed,
            "counts": dict(self.counts),
            "from": dict(self.attestation),
            "outcomes": [asdict(each) for each in self.outcomes],
        }


def read_run(directory: Path) -> RunRecord:
    """A run by its run.json; by its scenarios' results when it was killed before it wrote one.

    Raises UsageError when there is neither, or the file is of another version.
    """
    data = read_json(directory / RUN)
    if isinstance(data, dict):
        return _parse(directory, data)
    outcomes = gather(directory)
    if not outcomes:
        raise UsageError(f"{directory} holds no run", "name a directory below artifacts")
    began, ended = outcomes[0].began, max(each.began + each.seconds for each in outcomes)
    unique = hashlib.sha256(f"{directory.name} {began}".encode()).hexdigest()[:32]
    return RunRecord(
        directory, unique, directory.name, began, ended, _kind(directory),
        attestation=attestation(directory, outcomes), outcomes=outcomes,
    )  # fmt: skip


def begin_run(directory: Path, kind: str) -> None:
    """Write the kind of a run down before its first scenario: one that is cut off is not taken for another. OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / KIND).write_text(f"{kind}\n", encoding="utf-8")


def _kind(directory: Path) -> str:
    try:
        return _text((directory / KIND).read_text(encoding="utf-8").strip(), 40) or SCENARIOS
    except (OSError, ValueError):
        return SCENARIOS


def gather(directory: Path) -> tuple[Outcome, ...]:
    """What the scenarios of a run left, in the order of their beginning."""
    found = []
    for path in directory.glob(f"*/{RESULT}"):
        result = read_json(path)
        if isinstance(result, dict) and not path.parent.name.startswith("."):
            found.append(outcome_of(result, path.parent.name))
    return tuple(sorted(found, key=lambda each: each.began))


def attestation(directory: Path, outcomes: Iterable[Outcome]) -> Mapping[str, Any]:
    """Where the results come from, as the last one says that knows."""
    for outcome in reversed(list(outcomes)):
        if outcome.image:
            return _mapping(_mapping(read_json(directory / outcome.directory / RESULT)).get("from"))
    return {}


def outcome_of(result: Mapping[str, Any], directory: str) -> Outcome:
    """The outcome that a result.json tells."""
    came_from, signature = _mapping(result.get("from")), _mapping(result.get("signature"))
    driver = _text(result.get("driver"), MAX_NAME)
    cause = _text(result.get("cause"), 40) or "unknown"
    return Outcome(
        scenario=_text(result.get("scenario"), MAX_NAME) or directory,
        cause=cause,
        reason=_text(result.get("reason"), MAX_TEXT),
        known=result.get("known") is True,
        directory=directory,
        began=_number(result.get("began")),
        seconds=round(sum(map(_number, _mapping(result.get("timings")).values())), 3),
        operations=int(_number(result.get("operations"))),
        driver=driver,
        driver_hash=_text(_mapping(came_from.get("drivers")).get(driver), 64),
        guest=_text(came_from.get("guest"), 40),
        image=_text(came_from.get("image"), 64),
        verifier=_verifier(_mapping(result.get("verifier"))),
        seed=_seed(result.get("seed")),
        signature=_text(signature.get("hash"), 64),
        signature_text=_text(signature.get("text"), MAX_TEXT),
    )


def _verifier(told: Mapping[str, Any]) -> str:
    """What was in force; what was asked for where the driver was not loaded."""
    ran, asked = told.get("ran"), told.get("asked")
    flags = ran if isinstance(ran, list) else asked
    if isinstance(flags, list):
        return _text("+".join(map(str, flags)), MAX_NAME) or "off"
    return _text(flags, MAX_NAME) or "off"


def _parse(directory: Path, data: Mapping[str, Any]) -> RunRecord:
    if data.get("v") != VERSION:
        raise UsageError(f"{directory / RUN} is not of version {VERSION}", "read it with the lab that wrote it")
    outcomes = data.get("outcomes")
    return RunRecord(
        directory=directory,
        id=_text(data.get("id"), 64) or directory.name,
        name=_text(data.get("name"), MAX_NAME) or directory.name,
        began=_number(data.get("began")),
        ended=_number(data.get("ended")),
        kind=_text(data.get("kind"), 40) or SCENARIOS,
        seed=_seed(data.get("seed")),
        attestation=_mapping(data.get("from")),
        outcomes=tuple(_outcome(each) for each in outcomes if isinstance(each, dict))
        if isinstance(outcomes, list)
        else (),
    )


def _outcome(data: Mapping[str, Any]) -> Outcome:
    """Of a run.json: every field of the type that it has to have."""
    values: dict[str, Any] = {}
    for each in fields(Outcome):
        value = data.get(each.name)
        if each.type == "str":
            values[each.name] = _text(value, MAX_TEXT)
        elif each.type == "bool":
            values[each.name] = value is True
        elif each.type == "float":
            values[each.name] = _number(value)
        elif each.type == "int":
            values[each.name] = int(_number(value))
        else:
            values[each.name] = _seed(value)
    if values["directory"] == ".." or "/" in values["directory"]:
        values["directory"] = ""  # Nothing outside of the run's directory is read, or thrown away.
    return Outcome(**values)


def _text(value: Any, limit: int) -> str:
    return printable(value, limit) if isinstance(value, str) else ""


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1 << 40 else 0.0


def _seed(value: Any) -> int | None:
    return value if isinstance(value, int) and -(1 << 63) <= value < 1 << 63 else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
