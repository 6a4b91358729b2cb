"""What setup wrote is hostile and may be anything; what is told of it is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm_images.windows.setup_log import MAX_LINE, explain_failure, last_error

ERROR = "2026-11-22 00:01:03, Error      [0x0603a8] IBS    The setting is unknown"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("\r\n \r\n", ""),
        (f"2026-11-22 00:01:02, Error  x\r\n{ERROR}\r\n[gle=0x000000cb]\r\n", ERROR),
        (f"{ERROR}\n2026-11-22 00:01:04, Info  IBS  and on\n", ERROR),
        ("something else\nand its end\n", "and its end"),
        ("a, Fatal Error   b", "a, Fatal Error   b"),
        ("\x1b[2Jx", "?[2Jx"),
        ("x" * 1000, "x" * MAX_LINE),
    ],
)
def test_the_last_error_is_told(text: str, line: str) -> None:
    assert last_error(text) == line


def test_a_disk_that_has_nothing_or_is_none_explains_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.raw").write_bytes(bytes(1 << 16))
    assert explain_failure(tmp_path / "empty.raw", tmp_path) == ""
    assert explain_failure(tmp_path / "missing.raw", tmp_path) == ""
