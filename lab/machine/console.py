"""The guest's console log, as far as a failure needs it."""

from __future__ import annotations

import re
from pathlib import Path

TELLING = re.compile(r"Kernel panic|Oops|BUG:|lab-init:|cannot|not found", re.IGNORECASE)
TAIL_BYTES = 64 << 10
TAIL_LINES = 40
LINE_LIMIT = 200


def console_last_words(path: Path) -> str:
    """The line of the console's end that tells most: a kernel panic before an error before just the last line.

    Control characters are dropped: the text comes from the guest.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return "nothing"
    lines = [re.sub(r"[^\x20-\x7e]", "", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line][-TAIL_LINES:]
    telling = [line for line in lines if TELLING.search(line)]
    panics = [line for line in telling if "Kernel panic" in line]
    chosen = panics[:1] or telling[-1:] or lines[-1:]
    return chosen[0][:LINE_LIMIT] if chosen else "nothing"
