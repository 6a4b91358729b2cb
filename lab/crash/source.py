"""Lines of source around a call, when the source is at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lab.crash.call import Call
from lab.document import printable

MAX_FILE_BYTES = 4 << 20
AROUND = 3
MAX_LINE = 160


@dataclass(frozen=True)
class Excerpt:
    """One line of source."""

    line: int
    text: str
    here: bool
    """Is it the line of the call?"""


def excerpt_of(call: Call, directories: Iterable[Path]) -> Iterator[Excerpt]:
    """The lines around a call; nothing when its file is not found."""
    path = _find(call.file, directories) if call.line else None
    if path is None:
        return
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return
    for number in range(max(1, call.line - AROUND), min(len(lines), call.line + AROUND) + 1):
        text = lines[number - 1].replace("\t", "    ").rstrip()
        yield Excerpt(number, printable(text, MAX_LINE), number == call.line)


def _find(file: str, directories: Iterable[Path]) -> Path | None:
    """The file in one of the directories: by as much of its path as fits. Never outside of them."""
    parts = [
        each for each in PurePosixPath(file.replace("\\", "/")).parts if each not in ("/", "..") and ":" not in each
    ]
    for directory in directories:
        root = directory.resolve()
        for skipped in range(len(parts)):
            path = root.joinpath(*parts[skipped:]).resolve()
            if path.is_relative_to(root) and path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
                return path
    return None
