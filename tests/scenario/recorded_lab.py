"""A lab that plays back what a real run of a scenario sent: events of traffic.exe and entries of the kd log.

The recordings beside this file are of the real traffic.exe and the real driver under Wine. For the faults that
a good guest does not have, a playback can be cut, replaced, or end in an exception.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.crash.seen import CrashSeen, HangSeen, Part, crash_of
from lab.debugger import Debugger
from lab.incidents import Incident, Kind
from lab.scenario.model import Scenario
from lab.verifier import Verifier

RECORDINGS = Path(__file__).parent / "recordings"


@dataclass
class Playback:
    """What one scenario's command gives."""

    events: Sequence[str] = ()
    kd: Sequence[dict[str, Any]] = ()
    code: int = 0
    error: BaseException | None = None
    """Raised after the events."""
    crash: str | None = None
    lost: str | None = None
    held: str | None = None
    sync_error: BaseException | None = None


def recording(name: str) -> Playback:
    """The recorded run `name`."""
    events = (RECORDINGS / f"{name}.events.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in (RECORDINGS / f"{name}.kd.jsonl").read_text().splitlines()]
    return Playback(events, [entry for entry in entries if entry["kind"] != "marker"])


@dataclass
class RecordedGuest:
    """Takes files, and answers each command with a playback."""

    play: Callable[[Callable[[str], None]], int]
    files: dict[str, bytes] = field(default_factory=dict)
    commands: list[list[str]] = field(default_factory=list)

    def stream(self, argv: list[str], on_line: Callable[[str], None], timeout: float) -> int:
        assert timeout > 0
        self.commands.append(argv)
        return self.play(on_line)

    def fetch(self, remote: str, to: Path, within: float) -> None:
        assert within > 0
        to.write_bytes(self.files[remote])

    def put(self, data: bytes | Path, remote: str) -> None:
        self.files[remote] = data if isinstance(data, bytes) else data.read_bytes()


class RecordedLab:
    """Plays one playback after the other; the last one again and again."""

    def __init__(self, directory: Path, *playbacks: Playback, capabilities: Sequence[str] = ()) -> None:
        self.kd_log = directory / "kd.jsonl"
        self.capabilities = frozenset((*capabilities, "names-below-device"))
        self.guest = RecordedGuest(self._play)
        self.marks: list[tuple[str | None, str]] = []
        self.recoveries: list[str] = []
        self.debuggers: list[Debugger | None] = []
        self.restores = 0
        self.arranged: int | None = None
        self.in_force = 0
        self.recover_error: BaseException | None = None
        self.attestation_error: BaseException | None = None
        self._playbacks = list(playbacks)
        self._now = Playback()
        self._seq = 0
        self._scenario: str | None = None
        self._log({"kind": "print", "text": "printed before the scenario\n"})

    def _log(self, entry: dict[str, Any]) -> int:
        self._seq += 1
        extras = {"v": 1, "seq": self._seq, "t": time.time(), "cpu": 0, "scenario": self._scenario}
        with self.kd_log.open("a") as stream:
            stream.write(json.dumps(entry | extras) + "\n")
        return self._seq

    def _play(self, on_line: Callable[[str], None]) -> int:
        self._now = self._playbacks.pop(0) if len(self._playbacks) > 1 else self._playbacks[0]
        for entry in self._now.kd:
            self._log(entry)
        for line in self._now.events:
            on_line(line)
        if self._now.error:
            raise self._now.error
        return self._now.code

    def mark(self, scenario: str | None, text: str) -> int:
        self._scenario = scenario
        self.marks.append((scenario, text))
        return self._log({"kind": "marker", "text": text})

    def sync(self, timeout: float) -> None:
        assert timeout > 0
        if self._now.sync_error:
            raise self._now.sync_error

    def debugger(self, settings: Debugger | None) -> None:
        self.debuggers.append(settings)

    def held_stop(self) -> str | None:
        return self._now.held

    def ensure_traffic(self) -> str:
        return r"C:\lab\bin\traffic.exe"

    def ensure_driver(self, name: str) -> str:
        return rf"C:\lab\drivers\{name}.sys"

    def arrange_verifier(self, verifier: Verifier, driver: str) -> int | None:  # noqa: ARG002
        return self.arranged

    def verifier_in_force(self, driver: str) -> int:  # noqa: ARG002
        return self.in_force

    def ensure_program(self, name: str) -> str:
        return rf"C:\lab\bin\{name}"

    def keep_inputs(self, scenario: Scenario, directory: Path) -> None:
        pass

    def restore(self) -> None:
        self.restores += 1

    def recover(self, reason: str) -> None:
        self.recoveries.append(reason)
        if self.recover_error:
            raise self.recover_error

    def heal(self) -> None:
        pass

    def incidents(self) -> list[Incident]:
        told = {Kind.BUGCHECK_STOP: self._now.crash, Kind.QEMU_ENDED: self._now.lost}
        return [Incident(time.time(), kind, text) for kind, text in told.items() if text is not None]

    def crash_seen(self) -> CrashSeen | None:
        return crash_of(self.incidents())

    def secure_crash(self, directory: Path) -> CrashSeen | None:
        (directory / "crash.txt").write_text("a report\n")
        seen = self.crash_seen()
        return (
            replace(seen, parts=(Part("report", 0.5, "crash.txt"), Part("dump", 9.0, failure="none"))) if seen else None
        )

    def secure_hang(self, directory: Path) -> HangSeen:
        (directory / "scene.json.gz").write_bytes(b"what was seen")
        return HangSeen(None, (Part("report", 2.0, "scene.json.gz"),))

    def pulse(self) -> dict[str, float]:
        return {"cpu": 0.0, "waited": 0.0, "disk": 0.0}

    def attestation(self) -> dict[str, Any]:
        if self.attestation_error:
            raise self.attestation_error
        return {"guest": "recorded"}
