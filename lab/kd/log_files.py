"""Which files are meant by what a user names: a kd log, the logs of a run of scenarios, those of a VM start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.errors import GuestLostError, UsageError
from lab.kd.log import JSONL
from lab.kd.log_reader import read_log

LATEST = "latest"
_ADVICE = "name a kd.jsonl, a directory with results, a VM's log directory, or the name of either as in `latest`"


def current_log(root: Path) -> Path:
    """Where the newest VM start of the lab at `root` logs to; need not exist yet."""
    return _vm_logs(root) / "current" / JSONL


def existing_log(root: Path) -> Path:
    """Like `current_log`. Raises GuestLostError when there is none."""
    path = current_log(root)
    if not path.is_file():
        raise GuestLostError("there is no kd log yet: the lab has not been up", "start it: make lab-up")
    return path


def find_logs(name: str, root: Callable[[], Path]) -> list[Path]:
    """The kd logs of `name`, in the order of time: a file; a directory that holds one, or whose directories do.

    A name that is no path is one of a run below `artifacts/` (`latest`: the newest) or of a VM start.
    Raises UsageError when nothing is there.
    """
    path = Path(name)
    if path.is_dir():
        return _logs_in(path)
    if path.exists():
        return [path]
    if len(path.parts) == 1:
        runs = root() / "artifacts"
        if name == LATEST:
            return _logs_in(_newest(runs))
        for place in (runs / name, _vm_logs(root()) / name):
            if place.is_dir():
                return _logs_in(place)
    raise UsageError(f"no kd log at {name}", _ADVICE)


def _vm_logs(root: Path) -> Path:
    return root / ".lab" / "vm" / "logs"


def _newest(runs: Path) -> Path:
    known = sorted(_directories(runs)) if runs.is_dir() else []
    if not known:
        raise UsageError(f"there are no results in {runs}", "run scenarios first: make scenarios")
    return known[-1]


def _directories(path: Path) -> list[Path]:
    return [each for each in path.iterdir() if each.is_dir() and not each.name.startswith(".")]


def _logs_in(directory: Path) -> list[Path]:
    if (directory / JSONL).is_file():
        return [directory / JSONL]
    logs = [each / JSONL for each in _directories(directory) if (each / JSONL).is_file()]
    if not logs:
        raise UsageError(f"no kd log in {directory}", _ADVICE)
    return sorted(logs, key=lambda log: (_begin(log), log))


def _begin(path: Path) -> float:
    first = next(read_log(path), None)
    return first.t if first else 0.0
