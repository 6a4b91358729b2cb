"""Run the recipe's shell stages, and say in one line why one failed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import TextIO

from lab.errors import InfrastructureError
from vm_images.wine.host import environment, in_namespaces

DEADLINE = 3600
"""Seconds that the stages may take. It is four minutes when packages come fast."""

_PHASE = "@phase "
_UNREACHABLE = (
    *("Err:", "E: Failed to fetch", "E: Unable to locate", "E: The repository"),
    *("ERROR: Could not find", "ERROR: No matching", "ERROR: THESE PACKAGES"),
)
_TELLING = ("E: ", "ERROR: ", "make: ***", "error:")


class Stages:
    """The stages of one build, in its work directory; what they say goes into a log."""

    def __init__(self, work: Path, log: TextIO) -> None:
        self._work = work
        self._log = log

    def make(self, folder: str, target: Path) -> None:
        """Build one of the recipe's programs with the host's compiler."""
        self.run_tool(["make", "-s", "-C", str(self._work / "recipe" / folder), f"OUT={target}"])

    def download_wheels(self) -> None:
        """Get the Python packages that Debian has not, checked against the recipe's digests."""
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--require-hashes"]
        wanted = ["--no-deps", "--only-binary=:all:", "-d", "wheels", "-r", "recipe/stages/python-packages"]
        self.run_tool([*pip, *wanted])

    def run_tool(self, command: list[str]) -> None:
        """Run a program of the host in the work directory. Raises InfrastructureError if it fails."""
        ran = subprocess.run(
            command,
            cwd=self._work,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=environment(),
            check=False,
            timeout=DEADLINE,
        )
        if ran.returncode != 0:
            raise self._failure(f"{command[0]} exited with {ran.returncode}")

    def run(self, tell: Callable[[str], None]) -> None:
        """Run stages/build.sh in its name spaces; `tell` gets each phase's title as it begins.

        Raises InfrastructureError if it fails or takes longer than DEADLINE.
        """
        process = self._start()
        timer = Timer(DEADLINE, process.kill)
        timer.start()
        try:
            assert process.stdout is not None  # noqa: S101  # for the type checker
            for line in process.stdout:
                if line.startswith(_PHASE):
                    tell(line.removeprefix(_PHASE).strip())
            status = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            expired = not timer.is_alive()
            timer.cancel()
        if expired:
            raise self._failure(f"not done within {DEADLINE} s")
        if status != 0:
            raise self._failure(f"stages/build.sh exited with {status}")

    def _start(self) -> subprocess.Popen[str]:
        sources = self._work / "sources.list"
        build = ["sh", str(self._work / "recipe/stages/build.sh"), str(self._work)]
        return subprocess.Popen(
            in_namespaces(["sh", "-c", 'exec "$@" 3>&1 >&2', "sh", *build]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**environment(), "LAB_APT_SOURCES": str(sources) if sources.stat().st_size else ""},
            text=True,
            start_new_session=True,  # Ctrl-C is ours alone, and ends them through their starter's death.
        )

    def _failure(self, what: str) -> InfrastructureError:
        self._log.flush()
        path = Path(self._log.name)
        return describe_failure(what, path.read_text(errors="replace"), path)


def describe_failure(what: str, text: str, log: Path) -> InfrastructureError:
    """The error for a failed stage: the line of its log that tells most, and what to do about it."""
    if "No space left on device" in text:
        return InfrastructureError(f"no space left in {log.parent} for building the guest image", f"make room; {log}")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if "No module named pip" in line:
            advice = "apt-get install python3-pip; or run it in a virtual environment"
            return InfrastructureError("building the guest image needs pip", advice)
        if line.startswith(_UNREACHABLE):
            return InfrastructureError(
                f"the guest image could not be built, a package is not to be had: {line[:300]}",
                f"Debian's archive and PyPI must be reachable (proxy variables are passed on); read {log}",
            )
    telling = [line for line in lines if line.startswith(_TELLING) or " error: " in line]
    said = (telling or lines[-1:] or ["it said nothing"])[-1][:300]
    return InfrastructureError(f"the guest image could not be built ({what}): {said}", f"read {log}")
