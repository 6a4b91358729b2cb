"""The kd log: what came over the link, as JSON lines (`kd.jsonl`) and as plain text (`kd.log`)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any, BinaryIO

from lab.errors import UsageError
from lab.kd.entry import LogEntry, parse_line
from lab.kd.plain import PlainText

__all__ = ["JSONL", "PLAIN", "KdLog", "LogEntry", "follow_log_entries", "read_log"]

JSONL = "kd.jsonl"
PLAIN = "kd.log"
FLUSH_WITHIN = 0.02
"""Seconds that an entry may wait in memory."""
FLUSH_BYTES = 1 << 16
KEEP_BYTES = 1 << 24
"""What is kept in memory when the disk takes nothing; beyond it entries are lost, and the log says so."""
_TAIL = 1 << 18


class KdLog:
    """Writes the log of one VM start. Any thread may write; a line is written whole or, when killed, as the last.

    An existing log in the directory is gone on with.
    """

    def __init__(self, directory: Path) -> None:
        """Create the directory if needed. Raises OSError when it cannot be written."""
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / JSONL
        self._lock = threading.Lock()
        self._entries = _Appender(self.path)
        self._plain = _Appender(directory / PLAIN)
        self._plain_text = PlainText()
        self._seq = _last_seq(self.path)
        self._entries.mend_last_line()
        self._scenario: str | None = None
        self._scenario_json = "null"
        self._due: float | None = None

    @property
    def last_seq(self) -> int:
        """Sequence number of the newest entry, 0 if there is none."""
        return self._seq

    @property
    def flush_due(self) -> float | None:
        """Monotonic time by which `flush` must be called; None when everything is on its way to the disk."""
        return self._due

    def marker(self, text: str, scenario: str | None = None) -> int:
        """Write a marker; this and all later entries belong to `scenario`. It is in the file on return."""
        with self._lock:
            self._scenario = scenario
            self._scenario_json = "null" if scenario is None else encode_basestring_ascii(scenario)
        return self._flushed("marker", text, {})

    def restored(self, text: str) -> int:
        """Write a marker without changing the scenario."""
        return self._flushed("marker", text, {})

    def note(self, text: str, **extras: Any) -> int:
        """Write a note. It is in the file on return."""
        return self._flushed("note", text, extras)

    def write(self, kind: str, cpu: int | None, text: str, extras: dict[str, Any]) -> int:
        """Write an entry; return its sequence number. It is in the file after `flush`."""
        now = time.time()
        with self._lock:
            self._seq += 1
            if extras:
                line = LogEntry(self._seq, now, kind, cpu, text, self._scenario, extras).to_json()
            else:
                line = (
                    f'{{"v":1,"seq":{self._seq},"t":{round(now, 6)!r},"kind":"{kind}",'
                    f'"cpu":{"null" if cpu is None else cpu},"text":{encode_basestring_ascii(text)},'
                    f'"scenario":{self._scenario_json}}}'
                )
            self._entries.add(line.encode("ascii") + b"\n")
            self._plain.add(self._plain_text.render(kind, text))
            if self._entries.size > FLUSH_BYTES:
                self._flush()
            elif self._due is None:
                self._due = time.monotonic() + FLUSH_WITHIN
            return self._seq

    def flush(self) -> None:
        """Hand everything to the operating system: it survives the death of this process."""
        with self._lock:
            self._flush()

    def close(self) -> None:
        """Flush and close; writing afterwards is an error."""
        with self._lock:
            self._flush()
            self._entries.close()
            self._plain.close()

    def _flushed(self, kind: str, text: str, extras: dict[str, Any]) -> int:
        seq = self.write(kind, None, text, extras)
        self.flush()
        return seq

    def _flush(self) -> None:
        lost = self._entries.flush()
        self._plain.flush()
        self._due = None
        if self._entries.size:
            self._due = time.monotonic() + 1.0
        if lost:
            self._seq += 1
            text = f"{lost} entries are missing here: the log could not be written (disk full?)"
            entry = LogEntry(self._seq, time.time(), "note", None, text, self._scenario)
            self._entries.add(entry.to_json().encode("ascii") + b"\n")


class _Appender:
    """An append-only file that does not stall its user: what the disk refuses waits in memory, up to a limit."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._waiting: list[bytes] = []
        self.size = 0
        self._lost = 0

    def mend_last_line(self) -> None:
        """End a line that a killed writer left behind."""
        end = os.lseek(self._file, 0, os.SEEK_END)
        if end and os.pread(self._file, 1, end - 1) != b"\n":
            os.write(self._file, b"\n")

    def add(self, line: bytes) -> None:
        if self.size > KEEP_BYTES:
            self._lost += 1
            return
        self._waiting.append(line)
        self.size += len(line)

    def flush(self) -> int:
        """Write what waits; return how many lines were given up before, once writing works again."""
        data = b"".join(self._waiting)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written : written + (1 << 20)])
        except OSError:
            # The link must go on. The next flush tries again.
            self._waiting = [data[written:]]
            self.size = len(data) - written
            return 0
        self._waiting.clear()
        self.size = 0
        lost, self._lost = self._lost, 0
        return lost

    def close(self) -> None:
        os.close(self._file)


def read_log(path: Path, since_seq: int = 0) -> Iterator[LogEntry]:
    """The entries of a kd.jsonl with a sequence number above `since_seq`, in order.

    An incomplete last line is ignored. Raises UsageError when there is no such file.
    """
    with _open(path) as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            entry = parse_line(line)
            if entry is not None and entry.seq > since_seq:
                yield entry


def follow_log_entries(
    path: Path, since_seq: int = 0, poll: float = 0.1, until: Callable[[], bool] | None = None
) -> Iterator[LogEntry]:
    """Like `read_log`, then wait for more, looking every `poll` seconds, until `until` says so (default: for ever)."""
    with _open(path) as file:
        rest = b""
        while True:
            finished = until is not None and until()
            chunk = file.read(1 << 20)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                entry = parse_line(line)
                if entry is not None and entry.seq > since_seq:
                    yield entry
            if not chunk:
                if finished:
                    return
                time.sleep(poll)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read the kd log {path}: {error.strerror}", "name a kd.jsonl file") from error


def _last_seq(path: Path) -> int:
    """Sequence number of the newest whole entry in the file."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        for line in reversed(file.read().split(b"\n")):
            entry = parse_line(line)
            if entry is not None:
                return entry.seq
    return 0
