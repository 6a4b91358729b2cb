"""Lines and branches of a driver's source files, and which of them ran: by LLVM's own tools, merged over builds."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.coverage.counted import read_counted
from lab.errors import InfrastructureError, UsageError

DEADLINE = 60.0
"""Seconds, for one call of a tool."""


@dataclass
class FileCoverage:
    """One source file."""

    lines: dict[int, int] = field(default_factory=dict)
    """How often each line that has code ran."""
    branches: dict[tuple[int, str], int] = field(default_factory=dict)
    """How often each way out of a condition was taken: by line, and which of the line's."""
    is_left_out: bool = False
    """Shown, and not counted: nobody expects the scenarios to run it."""

    @property
    def missed_lines(self) -> list[int]:
        return sorted(line for line, count in self.lines.items() if not count)

    @property
    def missed_branches(self) -> list[int]:
        """Lines that ran, and of which a branch never did."""
        missed = {line for (line, _), count in self.branches.items() if not count}
        return sorted(line for line in missed if self.lines.get(line))


Coverage = dict[str, FileCoverage]
"""By path, relative to the folder that the driver was compiled in."""


def cover(image: Path, counts: list[int], sources: Path) -> Coverage:
    """What ran of one image. Raises UsageError when image and counts do not fit, InfrastructureError without LLVM."""
    counted = read_counted(image)
    if counted.counters != len(counts):
        what = f"{image} has {counted.counters} counters, the driver that ran had {len(counts)}"
        raise UsageError(what, "it was built anew since: run the scenarios again")
    with tempfile.TemporaryDirectory(prefix="lab-coverage-") as folder:
        text, profile = Path(folder, "counts.proftext"), Path(folder, "counts.profdata")
        text.write_text(counted.profile(counts))
        _run(["llvm-profdata", "merge", f"-o={profile}", str(text)], sources)
        told = _run(["llvm-cov", "export", "-format=lcov", str(image), f"-instr-profile={profile}"], sources)
    return dict(_files(told, sources))


def merge(to: Coverage, more: Coverage) -> None:
    """A line ran if it ran in any build; what a build leaves out is none of its lines."""
    for name, file in more.items():
        own = to.setdefault(name, FileCoverage(is_left_out=file.is_left_out))
        for line, count in file.lines.items():
            own.lines[line] = own.lines.get(line, 0) + count
        for branch, count in file.branches.items():
            own.branches[branch] = own.branches.get(branch, 0) + count


def _run(command: list[str], folder: Path) -> str:
    try:
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False)
    except FileNotFoundError:
        raise InfrastructureError(f"there is no {command[0]}", "apt-get install llvm") from None
    except subprocess.TimeoutExpired:
        raise InfrastructureError(f"{command[0]} did not end within {DEADLINE:.0f} s") from None
    if ended.returncode != 0:
        raise InfrastructureError(f"{command[0]} failed: {ended.stderr.strip()[-300:]}")
    return ended.stdout


def _files(lcov: str, sources: Path) -> Iterator[tuple[str, FileCoverage]]:
    """The tracefile format of lcov's geninfo(1): SF begins a file, DA is a line, BRDA a branch."""
    file, name, has_function = FileCoverage(), "", False
    for record in lcov.splitlines():
        kind, _, rest = record.partition(":")
        if kind == "SF":
            path = Path(rest)
            name = str(path.relative_to(sources) if path.is_relative_to(sources) else path)
            file, has_function = FileCoverage(), False
        elif kind == "FN":
            has_function = True
        elif kind == "end_of_record" and has_function:
            # A header without functions has no code: it stands there for its macros.
            yield name, file
        elif kind == "DA":
            line, count = rest.split(",")[:2]
            file.lines[int(line)] = int(count)
        elif kind == "BRDA":
            line, block, branch, count = rest.split(",")
            file.branches[int(line), f"{block}.{branch}"] = 0 if count == "-" else int(count)
