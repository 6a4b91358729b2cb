"""What a scenario leaves on disk: one directory, which appears when it is complete."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any


def new_run_directory(root: Path) -> Path:
    """`artifacts/20260102-030405`: one for each invocation; not created before something is written."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    run = root / stamp
    return run if not run.exists() else root / f"{stamp}-{os.getpid()}"


class ArtifactDirectory:
    """Files of one scenario. Collected aside, moved to `path` all at once at a good end."""

    def __init__(self, run: Path, scenario_id: str) -> None:
        name = re.sub(r"[^A-Za-z0-9._-]+", ".", scenario_id).strip(".") or "scenario"
        self.path = run / name
        number = 1
        while self.path.exists():
            number += 1
            self.path = run / f"{name}-{number}"
        self._partial = run / f".{self.path.name}.partial"

    def __enter__(self) -> ArtifactDirectory:
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._partial.rename(self.path)

    @property
    def directory(self) -> Path:
        """Where the files are while the scenario runs."""
        return self._partial

    def file(self, name: str) -> Path:
        """Where to write a file while the scenario runs."""
        return self._partial / name

    def write(self, name: str, text: str) -> None:
        self.file(name).write_text(text, encoding="utf-8")

    def write_lines(self, name: str, lines: Iterable[str]) -> None:
        with self.file(name).open("w", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)

    def write_json(self, name: str, value: Any) -> None:
        self.write(name, json.dumps(value, indent=1) + "\n")

    def copy(self, source: Path, name: str) -> None:
        """A copy of a file that may be gone by now."""
        if source.is_file():
            shutil.copyfile(source, self.file(name))
