"""`build:` of lab.yaml: the command that makes driver and programs, run before any of them is taken."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from lab.config import Config
from lab.document import printable
from lab.errors import UsageError
from lab.progress import Progress

DEADLINE = 900.0
"""Seconds."""
SHOWN_LINES = 12
SHOWN_BYTES = 16 << 10


def build(config: Config, progress: Progress) -> None:
    """Run the command of lab.yaml; without one, do nothing. Raises UsageError as `run_build` does."""
    if config.build:
        run_build(config.path, config.root, config.build, progress)


def run_build(path: Path, root: Path, command: str, progress: Progress) -> None:
    """Run a command of the lab.yaml at `path` in `root`. What it says is kept in `.lab/build.log` there.

    Raises UsageError with the last lines that it said when it fails, cannot be started or does not end.
    """
    log = root / ".lab" / "build.log"
    log.parent.mkdir(exist_ok=True)
    with progress.phase(f"build: {command}"), log.open("wb") as output:
        try:
            ended = subprocess.run(
                shlex.split(command),
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=DEADLINE,
                check=False,
            )
        except OSError as error:
            raise _failed(path, command, f"cannot be started: {error.strerror}", log) from None
        except subprocess.TimeoutExpired:
            raise _failed(path, command, f"did not end within {DEADLINE:.0f} s", log) from None
    if ended.returncode != 0:
        raise _failed(path, command, f"failed with exit status {ended.returncode}", log)


def _failed(path: Path, command: str, how: str, log: Path) -> UsageError:
    said = "".join(f"\n    {line}" for line in _last_lines(log))
    return UsageError(f"{path}: build: `{command}` {how}{':' if said else ''}{said}", f"see {log}")


def _last_lines(log: Path) -> list[str]:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - SHOWN_BYTES))
        lines = stream.read().decode(errors="replace").splitlines()
    return [printable(line, 300) for line in lines if line.strip()][-SHOWN_LINES:]
