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

_STAMP = "%Y%m%d-%H%M%S"


def new_run_directory(root: Path) -> Path:
    """`artifacts/20260102-030405`: one for each invocation; not created before something is written."""
    run = root / time.strftime(_STAMP, time.gmtime())
    return run if not run.exists() else root / new_run_name()


def new_run_name() -> str:
    """A name that no other process on this host gives."""
    return f"{time.strftime(_STAMP, time.gmtime())}-{os.getpid()}"


class ArtifactDirectory:
    """Files of one scenario. Collected aside, moved to `path` all at once at a good end."""

    def __init__(self, run: Path, scenario_id: str) -> None:
        name = re.sub(r"[^A-Za-z0-9._-]+", ".", scenario_id).strip(".") or "scenario"
        self.path = run / name
        number = 1
        while not self._claim():
            number += 1
            self.path = run / f"{name}-{number}"

    def _claim(self) -> bool:
        """Whether this name was free: other processes write into the same run."""
        self._partial = self.path.with_name(f".{self.path.name}.partial")
        try:
            self._partial.mkdir(parents=True)
        except FileExistsError:
            return False
        if self.path.exists():
            self._partial.rmdir()
            return False
        return True

    def __enter__(self) -> ArtifactDirectory:
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
