"""Where something stands in the driver's sources."""

from __future__ import annotations

from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1]


def line_of(function: str, code: str) -> int:
    """Line in fault.c of the last line with this code in a function."""
    lines = (SOURCES / "driver" / "kernel" / "fault.c").read_text().split("\n")
    begin = next(i for i, line in enumerate(lines) if line.startswith(f"{function}("))
    end = next(i for i in range(begin, len(lines)) if lines[i] == "}")
    return max(i for i in range(begin, end) if code in lines[i]) + 1
