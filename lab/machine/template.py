"""A disk with the snapshots of a VM that came up, for the VMs of other workers to begin with in place of booting."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import InfrastructureError
from lab.machine.control import call
from lab.machine.firmware import VARIABLES
from lab.machine.instance import SNAPSHOTS, Instance
from lab.machine.overlay import require_space
from lab.machine.qemu import OVERLAY

COPY_DEADLINE = 300.0
LOCK_DEADLINE = 900.0
"""As long as the longest build and boot of the worker that comes first."""


class Template:
    """The directory `template` beside those of the VMs. Whoever uses it holds its lock."""

    def __init__(self, directory: Path) -> None:
        self._files = Instance(directory)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One worker at a time builds, boots or copies. Raises InfrastructureError when another one takes too long."""
        self._files.create()
        with self._files.lock("template", "another worker brings its VM up", LOCK_DEADLINE):
            yield

    def keys(self) -> dict[str, str]:
        """What the snapshots in it are of, by tag."""
        return {tag: str(each.get("key")) for tag, each in self._files.read(SNAPSHOTS).items()}

    def lend(self, instance: Instance) -> None:
        """Give a VM that does not run a copy. Raises InfrastructureError: no space, or it cannot be copied."""
        instance.path(SNAPSHOTS).unlink(missing_ok=True)
        copy_disk(self._files.path(OVERLAY), instance.path(OVERLAY))
        if self._files.path(VARIABLES).exists():
            copy_disk(self._files.path(VARIABLES), instance.path(VARIABLES))
        instance.write(SNAPSHOTS, self._files.read(SNAPSHOTS))

    def take(self, instance: Instance) -> None:
        """Copy the disk of a VM that runs, which stands still meanwhile. Raises like `lend`, HungError."""
        self._files.path(SNAPSHOTS).unlink(missing_ok=True)
        call(instance, "copy", timeout=COPY_DEADLINE, to=str(self._files.path(OVERLAY)))
        self._files.write(SNAPSHOTS, instance.read(SNAPSHOTS))


def copy_disk(source: Path, to: Path) -> None:
    """Copy a disk, sharing its blocks where the file system can. Raises InfrastructureError."""
    require_space(to.parent)
    partial = to.with_name(f".{to.name}.partial")
    try:
        copied = subprocess.run(
            ["cp", "--reflink=auto", str(source), str(partial)], capture_output=True, text=True, timeout=COPY_DEADLINE,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise InfrastructureError(f"{source} could not be copied within {COPY_DEADLINE:.0f} s") from None
    if copied.returncode != 0:
        raise InfrastructureError(f"{source} could not be copied: {copied.stderr.strip()}", "free some space")
    partial.replace(to)
