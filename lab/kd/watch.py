"""Waits for what the driver prints, in the kd log that grows beside it."""

from __future__ import annotations

import re
import time
from pathlib import Path

from lab.errors import HungError
from lab.kd.log_reader import read_log

POLL = 0.02
SHOWN = 12
"""Lines that a failure shows."""


class KdWatch:
    """The prints behind entry `since_seq` of a kd log, line by line; a wait finds each of them once."""

    def __init__(self, log: Path, since_seq: int) -> None:
        self._log = log
        self._seq = since_seq
        self._lines: list[str] = []
        self._rest = ""
        self._found = 0

    @property
    def prints(self) -> list[str]:
        """All whole lines that have come so far."""
        self._read()
        return list(self._lines)

    def wait_for_print(self, wanted: str | re.Pattern[str], timeout: float) -> str:
        """The first line that contains `wanted` behind the one that was found last.

        Raises HungError after `timeout` seconds; it shows the last lines that came.
        """
        deadline = time.monotonic() + timeout
        while True:
            late = time.monotonic() >= deadline
            self._read()
            for i in range(self._found, len(self._lines)):
                if _fits(self._lines[i], wanted):
                    self._found = i + 1
                    return self._lines[i]
            if late:
                raise HungError(self._complaint(wanted, timeout))
            time.sleep(POLL)

    def _read(self) -> None:
        for entry in read_log(self._log, self._seq):
            self._seq = entry.seq
            if entry.kind == "print" and "marker" not in entry.extras:
                *lines, self._rest = (self._rest + entry.text).split("\n")
                self._lines += [line.removesuffix("\r") for line in lines]

    def _complaint(self, wanted: str | re.Pattern[str], timeout: float) -> str:
        text = wanted if isinstance(wanted, str) else wanted.pattern
        last = "".join(f"\n    {line}" for line in self._lines[-SHOWN:]) or " nothing"
        return f"no print with {text!r} came in {timeout:g} s; the driver printed:{last}"


def _fits(line: str, wanted: str | re.Pattern[str]) -> bool:
    return wanted in line if isinstance(wanted, str) else wanted.search(line) is not None
