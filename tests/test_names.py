"""The lab tests drivers, it knows none: what it is told of them stands in a lab.yaml."""

from __future__ import annotations

import re
from pathlib import Path

from lab.config import Config

LAB = Path(__file__).parents[1] / "lab"


def test_nothing_in_the_lab_names_the_driver(project: Config) -> None:
    names = {driver.name for driver in project.drivers.values()}
    names |= {driver.service for driver in project.drivers.values()}
    names |= {*project.programs, project.device.rpartition("\\")[2]}
    # Beginnings of longer names too: a routine of the driver in a text that shows how something is written is a name.
    pattern = re.compile(r"(?<![A-Za-z])(" + "|".join(map(re.escape, sorted(names))) + r")(?![a-z])", re.IGNORECASE)
    found = [
        f"{path.relative_to(LAB.parent)}:{number}: {line.strip()}"
        for path in sorted(LAB.rglob("*"))
        if path.suffix in (".py", ".json")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []
