from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from report.browser import Browser


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        pytest.skip("no Chromium: `make test` installs it on Debian")
    with Browser(program, tmp_path / "profile") as opened:
        yield opened
