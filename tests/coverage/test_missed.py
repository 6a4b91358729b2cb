"""What docs/coverage.md says that scenarios miss are functions that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [line for line in (ROOT / "docs" / "coverage.md").read_text().splitlines() if re.match(r"\| `\w+_\w+`", line)]


def test_the_functions_exist() -> None:
    source = "".join(path.read_text() for path in (ROOT / "driver" / "kernel").glob("*.c"))
    named = {name for row in ROWS for name in re.findall(r"`(\w+_\w+)`", row.split("|")[1])}
    assert len(named) > 5
    assert {name for name in named if not re.search(rf"^{name}\(", source, re.MULTILINE)} == set()


def test_the_scenarios_that_it_names_exist() -> None:
    named = {name for row in ROWS for name in re.findall(r"`([a-z]+(?:-[a-z]+){3,})`", row)}
    assert named
    assert {name for name in named if not (ROOT / "scenarios" / f"{name}.yaml").exists()} == set()
