"""The kd log: what came over the link, as JSON lines (`kd.jsonl`) and as plain text (`kd.log`)."""

from __future__ import annotations

import json
import threading
import time
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any

from lab.errors import UsageError
from lab.kd.appender import Appender
from lab.kd.attribution import Attribution
from lab.kd.entry import LogEntry
from lab.kd.log_reader import follow_log_entries, last_seq, read_log
from lab.kd.plain import PlainText

__all__ = ["JSONL", "PLAIN", "KdLog", "LogEntry", "follow_log_entries", "read_log"]

JSONL = "kd.jsonl"
PLAIN = "kd.log"
FLUSH_WITHIN = 0.02
"""Seconds that an entry may wait in memory."""
RETRY_AFTER = 0.2
FLUSH_BYTES = 1 << 16
_OF_A_STEP = frozenset(("raw", "prompt", "module", "stop", "bugcheck"))
"""Kinds of entries, other than prints, that belong to the step during which they come."""
_encode = json.JSONEncoder(separators=(",", ":")).encode


class KdLog:
    """Writes the log of one VM start. Any thread may write; a line is written whole or, when killed, as the last.

    An existing log in the directory is gone on with.
    """

    def __init__(self, directory: Path) -> None:
        """Log to kd.jsonl and kd.log in `directory`, made if needed. Raises OSError when that cannot be written."""
        directory.mkdir(parents=True, exist_ok=True)
        self._open(directory / JSONL, directory / PLAIN)

    @classmethod
    def at(cls, path: Path) -> KdLog:
        """Log to this one file of JSON lines, or pipe. Raises UsageError when it cannot be written."""
        log = cls.__new__(cls)
        try:
            log._open(path, None)
        except OSError as error:
            what = f"cannot write the kd log {path}: {error.strerror}"
            raise UsageError(what, "name a file in a directory that exists and may be written") from error
        return log

    def _open(self, path: Path, plain: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._entries = Appender(path)
        self._plain = Appender(plain) if plain else None
        self._plain_text = PlainText()
        self._attribution = Attribution()
        self._seq = 0
        if self._entries.is_regular:
            self._seq = last_seq(path)
            self._entries.mend_last_line()
        self._scenario: str | None = None
        self._scenario_json = "null"
        self._disk = threading.Lock()
        self._wanted = threading.Event()
        self._hurry = threading.Event()
        self._closing = False
        self._writer = threading.Thread(target=self._write_behind, name="kd-log", daemon=True)
        self._writer.start()

    @property
    def last_seq(self) -> int:
        """Sequence number of the newest entry, 0 if there is none."""
        return self._seq

    def marker(self, text: str, scenario: str | None = None) -> int:
        """Write a marker; this and all later entries belong to `scenario`. It is in the file on return."""
        with self._lock:
            self._attribution.reset()
            self._scenario = scenario
            self._scenario_json = "null" if scenario is None else encode_basestring_ascii(scenario)
        return self._flushed("marker", text, {})

    def restored(self, text: str) -> int:
        """Write a marker without changing the scenario: the target is not what it was."""
        with self._lock:
            self._attribution.reset()
        return self._flushed("marker", text, {})

    def note(self, text: str, **extras: Any) -> int:
        """Write a note. It is in the file on return."""
        return self._flushed("note", text, extras)

    def write(self, kind: str, cpu: int | None, text: str, extras: dict[str, Any]) -> int:
        """Write an entry; return its sequence number. It is in the file after `flush`.

        What is known of the step and the actor that it belongs to is added to `extras`.
        """
        now = time.time()
        with self._lock:
            origin = self._origin(kind, text, extras)
            self._seq += 1
            line = (
                f'{{"v":1,"seq":{self._seq},"t":{round(now, 6)!r},"kind":"{kind}",'
                f'"cpu":{"null" if cpu is None else cpu},"text":{encode_basestring_ascii(text)},'
                f'"scenario":{self._scenario_json}'
            )
            if extras or origin:
                line += f",{_encode(extras | origin)[1:]}\n"
            else:
                line += "}\n"
            self._entries.add(line.encode("ascii"))
            if self._plain and "marker" not in origin:
                self._plain.add(self._plain_text.render(kind, text))
            if self._entries.size > FLUSH_BYTES:
                self._hurry.set()
            self._wanted.set()
            return self._seq

    def _origin(self, kind: str, text: str, extras: dict[str, Any]) -> dict[str, Any]:
        """Step and actor of an entry, as far as they are known; the marker that it is."""
        if kind == "print":
            return self._attribution.feed(text, extras.get("process") if extras else None)
        if kind in _OF_A_STEP:
            return self._attribution.feed("", None)
        if kind == "resync":
            self._attribution.reset()
        return {}

    def flush(self) -> None:
        """Hand everything to the operating system: it survives the death of this process.

        Waits for the disk. Who may not wait leaves it to the log, which does so FLUSH_WITHIN after an entry.
        """
        with self._disk:
            self._flush()

    def close(self) -> None:
        """Flush and close; writing afterwards is an error."""
        self._closing = True
        self._wanted.set()
        if self._writer.is_alive():
            self._writer.join()
        with self._disk:
            self._flush()
            self._entries.close()
            if self._plain:
                self._plain.close()

    def _write_behind(self) -> None:
        """On a thread of its own: a disk that is slow holds nobody up."""
        while not self._closing:
            self._wanted.wait()
            self._wanted.clear()
            if not self._closing:
                self._hurry.wait(FLUSH_WITHIN)
                self._hurry.clear()
                self.flush()
                if self._entries.size > FLUSH_BYTES:
                    time.sleep(RETRY_AFTER)  # the disk refuses

    def _flushed(self, kind: str, text: str, extras: dict[str, Any]) -> int:
        seq = self.write(kind, None, text, extras)
        self.flush()
        return seq

    def _flush(self) -> None:
        """With `_disk` held, so that what is taken first is written first."""
        with self._lock:
            entries = self._entries.take()
            plain = self._plain.take() if self._plain else b""
        refused = self._entries.write(entries)
        refused_plain = self._plain.write(plain) if self._plain else b""
        with self._lock:
            lost = self._entries.wrote(entries, refused)
            if self._plain:
                self._plain.wrote(plain, refused_plain)
            if lost:
                self._seq += 1
                text = f"{lost} entries are missing here: the log could not be written (disk full?)"
                entry = LogEntry(self._seq, time.time(), "note", None, text, self._scenario)
                self._entries.add(entry.to_json().encode("ascii") + b"\n")
