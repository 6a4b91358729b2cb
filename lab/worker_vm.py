"""The VM of one of several processes that run scenarios at the same time: `.lab/vm-1`, `.lab/vm-2`, ..."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from lab.bringup import down, up
from lab.config import Config
from lab.errors import InfrastructureError
from lab.machine.budget import Budget, measure
from lab.machine.image import load_image
from lab.progress import Progress, Silent
from lab.running import RunningLab, instance_of
from vm_images.choice import find_image

MOST = 1000


class WorkerVm:
    """The lowest VM that no other process uses. It is this process's, and ends with it, however that ends."""

    def __init__(self, config: Config) -> None:
        """Raises InfrastructureError when all are in use."""
        self._lock = ExitStack()
        self._lab: RunningLab | None = None
        self.config = self._take(config)

    def __enter__(self) -> WorkerVm:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _take(self, config: Config) -> Config:
        for number in range(1, MOST + 1):
            own = replace(config, vm=f"vm-{number}")
            instance = instance_of(own)
            instance.create()
            try:
                self._lock.enter_context(instance.lock("worker", "another worker has this VM"))
            except InfrastructureError:
                continue
            return own
        raise InfrastructureError(f"{MOST} workers use VMs here", "wait for them, or end them")

    def bring_up(self, progress: Progress | None = None) -> RunningLab:
        """Start it, from the snapshot that all workers have. Raises LabError."""
        lab = up(self.config, progress or Silent())
        lab.claim()
        self._lab = lab
        return lab

    def end(self) -> None:
        """End it; its snapshots stay. Raises HungError."""
        try:
            if self._lab is not None:
                self._lab.release()
            down(self.config)
        finally:
            self._lock.close()


def budget(config: Config) -> Budget | None:
    """What this host has for VMs of this lab; None before there is a guest image. Raises LabError."""
    directory = find_image(config)
    return measure(load_image(directory).machine, config.root / ".lab") if directory else None
