"""The coverage of one run of scenarios on disk: the counters by scenario, and which images they are of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.coverage.lines import Coverage, cover, merge
from lab.coverage.told import Counts, add_counts
from lab.errors import UsageError

FILE = "coverage.json"
VERSION = 1


@dataclass
class CoverageRecord:
    """Counters by scenario."""

    sources: Path
    """The folder that the driver was compiled in."""
    images: Mapping[str, Path]
    scenarios: dict[str, Counts] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    """Files of `sources` that are left out of the whole."""

    def save(self, folder: Path) -> Path:
        """Write `coverage.json` into a run's directory."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        images = {name: str(image) for name, image in self.images.items()}
        value = {
            "v": VERSION,
            "sources": str(self.sources),
            "images": images,
            "scenarios": self.scenarios,
            "without": self.without,
        }
        path.write_text(json.dumps(value))
        return path

    def coverage(self, scenario: str | None = None) -> Coverage:
        """Merged over all builds and scenarios, or of those whose name contains `scenario`. Raises LabError."""
        counts: Counts = {}
        for name, own in self.scenarios.items():
            if scenario is None or scenario in name:
                add_counts(counts, own)
        merged: Coverage = {}
        for driver, values in counts.items():
            if driver in self.images:
                merge(merged, cover(self.images[driver], values, self.sources))
        for name in self.without:
            if name in merged:
                merged[name].is_left_out = True
        return merged


def read_record(path: Path) -> CoverageRecord:
    """Read what a run left. Raises UsageError for a file that is none."""
    try:
        value: dict[str, Any] = json.loads(path.read_text())
        if value["v"] != VERSION:
            raise ValueError(f"version {value['v']!r}, not {VERSION}")
        images = {str(name): Path(image) for name, image in value["images"].items()}
        without = tuple(map(str, value.get("without", ())))
        return CoverageRecord(Path(value["sources"]), images, dict(value["scenarios"]), without)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no coverage of a run: {error}", "run `pytest scenarios --coverage`") from None
