"""What is done when a scenario has crashed or hung the guest, before the guest is put back: evidence, and its words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lab.crash.seen import CrashSeen
from lab.crash.signature import Signature
from lab.scenario.artifacts import ArtifactDirectory
from lab.scenario.hang import Hang
from lab.scenario.pulse import Liveness
from lab.scenario.running import RunningLab

MAX_CALLS = 12
_SO_LONG = re.compile(r"^step [^,]*, | \(for \d+ ms\)$")


class Aftermath:
    """Of one scenario."""

    def __init__(self, lab: RunningLab, artifacts: ArtifactDirectory) -> None:
        self._lab = lab
        self._artifacts = artifacts
        self._crash: CrashSeen | None = None
        self._hang: Hang | None = None

    @property
    def crash(self) -> CrashSeen | None:
        """The crash, once it was looked into."""
        return self._crash

    def of_crash(self) -> tuple[str, list[str]]:
        """Bring in what the crash left. Returns the reason in a line, and more lines."""
        crash = self._lab.secure_crash(self._artifacts.directory) or self._lab.crash_seen()
        assert crash  # noqa: S101
        self._crash = crash
        lines = []
        if crash.report is not None and crash.report.faulting is not None:
            calls = crash.report.faulting.calls[:MAX_CALLS]
            lines = ["the calls that led there (all of it is in crash.txt):", *(f"    {call}" for call in calls)]
        return crash.reason, lines + [f"no {part.what}: {part.failure}" for part in crash.parts if part.failure]

    def of_hang(self, reason: str, state: Liveness, pending: Sequence[str], late: float) -> list[str]:
        """Stop the guest, see where everybody stands, keep it; lines for the verdict, which was `late` seconds late."""
        seen = self._lab.secure_hang(self._artifacts.directory)
        self._hang = Hang(f"{reason}; {state}", state, pending, seen, late)
        self._artifacts.write("hang.txt", self._hang.text())
        self._artifacts.write_json("hang.json", self._hang.to_json())
        return self._hang.lines()

    def to_json(self) -> dict[str, Any]:
        """For `result.json`."""
        crash, hang, signature = self._crash, self._hang, self.signature
        parts = crash.parts if crash else hang.seen.parts if hang else ()
        found: dict[str, Any] = {
            "signature": {"hash": signature.hash, "text": signature.text} if signature else None,
            "evidence": [part.to_json() for part in parts],
        }
        if crash is not None:
            found["crash"] = {"text": crash.text, "code": crash.code, "parameters": list(crash.parameters)}
        if hang is not None:
            found["hang"] = hang.to_result()
        return found

    @property
    def signature(self) -> Signature | None:
        """By which the same ending is known again."""
        if self._hang is not None:
            report = self._hang.seen.report
            if report is not None and report.culprit is not None:
                return report.signature
            return Signature(f"hung {_operations(self._hang.pending)}")
        return self._crash.report.signature if self._crash and self._crash.report else None


def _operations(pending: Sequence[str]) -> str:
    """What had not returned, without step numbers and times."""
    return "; ".join(sorted({_SO_LONG.sub("", each) for each in pending})) or "without a pending operation"
