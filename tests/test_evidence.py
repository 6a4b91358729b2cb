"""What is brought into safety when the guest does not help: the host's own copy of its memory, or why there is none."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from lab import evidence
from lab.crash.seen import Part
from lab.errors import GuestLostError, HungError
from lab.evidence import Evidence, Sources
from lab.guest.guest import Guest
from lab.incidents import Incident, Kind
from lab.machine.instance import Instance

BUGCHECK = Incident(100.0, Kind.BUGCHECK, "a bugcheck", {"code": 0xD1, "parameters": [1, 2, 3, 4]})
SCENE = Incident(101.0, Kind.SCENE, "seen", {"file": "crash-1.scene.json.gz", "final": True, "memory": True})
TAKEN = Incident(102.0, Kind.MEMORY, "the machine's memory is taken", {"taken": True})
FAILED = Incident(102.0, Kind.MEMORY, "the machine's memory could not be taken: no room", {"taken": False})
NT = frozenset({"crash-dump", "nmi-crash"})


class Away:
    """A guest that crashed and does not come back."""

    def modified(self, _: str) -> float | None:
        raise GuestLostError("the guest does not answer")


class Supervisor:
    """Answers, and takes note of what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hears = True

    def call(self, _: Instance, command: str, **arguments: Any) -> dict[str, Any]:
        self.asked.append(command)
        if command in ("look", "crash") and not self.hears:
            raise HungError("it does not stop")
        if command == "look":
            raise HungError("nothing is to be seen")
        if command == "memory":
            Path(arguments["to"]).write_bytes(b"PAGEDU64")
        return {"memory": command == "crash"}


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    supervisor = Supervisor()
    monkeypatch.setattr(evidence, "call", supervisor.call)
    for name in ("SCENE_WITHIN", "DUMP_WITHIN", "REBOOT_WITHIN", "MEMORY_WITHIN"):
        monkeypatch.setattr(evidence, name, 0.2)
    monkeypatch.setattr(Instance, "is_supervised", lambda _: True)
    return supervisor


@pytest.fixture
def evidence_of(tmp_path: Path) -> Callable[..., Evidence]:
    def make(*incidents: Incident) -> Evidence:
        guest = cast(Guest, Away())
        dumps = [r"C:\Windows\MEMORY.DMP"]
        sources = Sources(Instance(tmp_path), guest, tmp_path, dumps, [], tmp_path, lambda: list(incidents))
        return Evidence(sources, tmp_path)

    return make


def parts(seen: Any) -> dict[str, Part]:
    return {part.what: part for part in seen.parts}


def test_when_the_guest_brings_no_dump_there_is_one_of_its_memory(
    supervisor: Supervisor, evidence_of: Callable[..., Evidence], tmp_path: Path
) -> None:
    found = parts(evidence_of(BUGCHECK, SCENE, TAKEN).secure_crash())
    assert found["dump"].failure == "the guest does not answer"
    assert found["memory"].file == "memory.dmp.gz"
    assert gzip.decompress((tmp_path / "memory.dmp.gz").read_bytes()) == b"PAGEDU64"
    assert not (tmp_path / "memory.dmp").exists()
    assert supervisor.asked == ["memory"]


def test_why_there_is_no_memory_either_is_noted(supervisor: Supervisor, evidence_of: Callable[..., Evidence]) -> None:
    assert parts(evidence_of(BUGCHECK, SCENE, FAILED).secure_crash())["memory"].failure == FAILED.text
    assert "did not write it" in parts(evidence_of(BUGCHECK, SCENE).secure_crash())["memory"].failure
    assert supervisor.asked == []


def test_a_guest_that_hangs_is_made_to_crash_and_its_memory_kept(
    supervisor: Supervisor, evidence_of: Callable[..., Evidence]
) -> None:
    assert parts(evidence_of(TAKEN).secure_hang(NT))["dump"].file == "hang.dmp.gz"
    assert supervisor.asked == ["look", "crash", "memory"]


def test_a_guest_that_does_not_hear_its_debugger_gets_an_nmi(
    supervisor: Supervisor, evidence_of: Callable[..., Evidence]
) -> None:
    supervisor.hears = False
    assert parts(evidence_of().secure_hang(NT))["dump"].failure == "the guest does not answer"
    assert supervisor.asked == ["look", "crash", "nmi"]
    supervisor.asked.clear()
    found = parts(evidence_of().secure_hang(frozenset({"crash-dump"})))
    assert (found["dump"].failure, supervisor.asked) == ("it does not stop", ["look", "crash"])


def test_nothing_is_forced_of_a_guest_that_leaves_no_dumps(
    supervisor: Supervisor, evidence_of: Callable[..., Evidence]
) -> None:
    assert list(parts(evidence_of().secure_hang(frozenset()))) == ["report"]
    assert supervisor.asked == ["look"]
