"""Reads kd logs: from an entry on, from the end, and as they grow; of large ones, no more than is asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from lab.errors import UsageError
from lab.kd.entry import LogEntry, parse_line

_BLOCK = 1 << 18
_NEAR = 1 << 14
"""Bytes below which looking for an entry is not worth while: they are read."""


def read_log(path: Path, since_seq: int = 0) -> Iterator[LogEntry]:
    """The entries of a kd.jsonl with a sequence number above `since_seq`, in order.

    An incomplete last line is ignored. Raises UsageError when there is no such file.
    """
    for line in read_lines(path, since_seq):
        entry = parse_line(line)
        if entry is not None and entry.seq > since_seq:
            yield entry


def read_lines(path: Path, since_seq: int = 0) -> Iterator[bytes]:
    """The whole lines of a kd.jsonl, each with its line feed; from one near entry `since_seq` on, none later."""
    with open_log(path) as file:
        if since_seq:
            _seek(file, since_seq)
        for line in file:
            if line.endswith(b"\n"):
                yield line


def read_lines_backwards(path: Path) -> Iterator[bytes]:
    """The whole lines of a kd.jsonl, the last one first. Reads only as far as it is asked to."""
    with open_log(path) as file:
        at = file.seek(0, os.SEEK_END)
        rest: bytes | None = None
        while at:
            size = min(at, _BLOCK)
            at -= size
            file.seek(at)
            block = file.read(size)
            if rest is None:
                end = block.rfind(b"\n")
                if end < 0:
                    continue  # a line that has no line feed yet
                block, rest = block[:end], b""
            rest, *lines = (block + rest).split(b"\n")
            yield from (line + b"\n" for line in reversed(lines))
        if rest is not None:
            yield rest + b"\n"


def last_seq(path: Path) -> int:
    """Sequence number of the newest whole entry in the file, 0 if there is none."""
    for line in read_lines_backwards(path):
        entry = parse_line(line)
        if entry is not None:
            return entry.seq
    return 0


def follow_log_entries(
    path: Path, since_seq: int = 0, poll: float = 0.1, until: Callable[[], bool] | None = None
) -> Iterator[LogEntry]:
    """Like `read_log`, then wait for more, looking every `poll` seconds, until `until` says so (default: for ever)."""
    for line in follow_lines(path, since_seq, poll, until):
        entry = parse_line(line)
        if entry is not None:
            yield entry


def follow_lines(
    path: Path,
    since_seq: int = 0,
    poll: float = 0.1,
    until: Callable[[], bool] | None = None,
    on_idle: Callable[[], None] = lambda: None,
    on_new_log: Callable[[], None] = lambda: None,
) -> Iterator[bytes]:
    """The whole lines after entry `since_seq`, and then each as it is completed, until `until` says so.

    When `path` comes to name another log, that one is read from its beginning, and `on_new_log` called before.
    `on_idle` is called whenever everything was given out and `poll` seconds are to be waited.
    """
    file = open_log(path)
    try:
        _skip(file, since_seq)
        rest = b""
        while True:
            finished = until is not None and until()
            newer = _log_that_replaced(file, path)
            chunk = file.read(1 << 20)
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line + b"\n" for line in lines)
            if chunk:
                if newer:
                    newer.close()
            elif newer:
                file.close()
                file, rest = newer, b""
                on_new_log()
            elif finished:
                return
            else:
                on_idle()
                time.sleep(poll)
    finally:
        file.close()


def _log_that_replaced(file: BinaryIO, path: Path) -> BinaryIO | None:
    """The log that `path` names by now, opened; None when it is still this file, or none is there yet."""
    try:
        there = path.stat()
        here = os.fstat(file.fileno())
        is_same = (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
        if is_same and there.st_size >= file.tell():
            return None
        return path.open("rb")
    except OSError:
        return None


def open_log(path: Path) -> BinaryIO:
    """Open a kd log for reading. Raises UsageError."""
    try:
        return path.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read the kd log {path}: {error.strerror}", "name a kd.jsonl file") from error


def _skip(file: BinaryIO, seq: int) -> None:
    """Go to the line after entry `seq`, or to the first that is not whole."""
    if not seq:
        return
    _seek(file, seq)
    while True:
        begin = file.tell()
        line = file.readline()
        entry = parse_line(line)
        if not line.endswith(b"\n") or (entry is not None and entry.seq > seq):
            file.seek(begin)
            return


def _seek(file: BinaryIO, seq: int) -> None:
    """Go to the beginning of a line at or before entry `seq` + 1, by bisection: sequence numbers only rise."""
    if not file.seekable():
        return
    low, high = 0, file.seek(0, os.SEEK_END)
    while high - low > _NEAR:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        entry, begin = None, file.tell()
        while entry is None and file.tell() < high:
            begin = file.tell()
            entry = parse_line(file.readline())
        if entry is not None and entry.seq <= seq:
            low = begin
        else:
            high = middle
    file.seek(low)
