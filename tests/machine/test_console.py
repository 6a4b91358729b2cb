"""What a failing guest's console is quoted with."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.machine.console import LINE_LIMIT, console_last_words

PANIC = "[    3.2] Kernel panic - not syncing: VFS: Unable to mount root fs"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"[ 1.0] hello\r\n{PANIC}\r\n[ 3.3] Rebooting in 1 seconds..\r\n", PANIC),
        ("first\nsh: kdstub: not found\nlast\n", "sh: kdstub: not found"),
        ("first\nlast\n\n", "last"),
        ("\x1b[31mred\x07\n", "[31mred"),
        ("", "nothing"),
        ("x" * 5000, "x" * LINE_LIMIT),
    ],
    ids=["panic", "error", "last line", "control characters", "empty", "endless line"],
)
def test_the_telling_line_is_chosen(tmp_path: Path, text: str, words: str) -> None:
    log = tmp_path / "console.log"
    log.write_text(text)
    assert console_last_words(log) == words


def test_missing_log_says_nothing(tmp_path: Path) -> None:
    assert console_last_words(tmp_path / "none.log") == "nothing"
