"""How many VMs fit on this host: by its memory, its cores and its disk, as far as the lab may use them."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab.machine.hardware import Machine

MEMORY_BESIDE_MB = 350
"""What QEMU needs besides the guest's memory, its supervisor, and the process that runs scenarios on it."""
DISK_BESIDE_MB = 600
"""A VM's disk besides two snapshots of its memory, which are at most as large as the memory: changes, and logs."""
CGROUP = Path("/sys/fs/cgroup")
MEMORY_INFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class Budget:
    """What a host has for VMs that need `machine`."""

    machine: Machine
    memory_mb: int
    """Free, or to be had."""
    cores: int
    disk_mb: int
    """Free."""

    @property
    def by_memory(self) -> int:
        """VMs."""
        return self.memory_mb // (self.machine.memory_mb + MEMORY_BESIDE_MB)

    @property
    def by_cores(self) -> int:
        """VMs, each with its processors to itself."""
        return max(1, self.cores // self.machine.smp)

    @property
    def by_disk(self) -> int:
        """VMs."""
        return self.disk_mb // (2 * self.machine.memory_mb + DISK_BESIDE_MB)

    @property
    def fitting(self) -> int:
        """VMs that neither wait for a core nor run out of memory or disk."""
        return min(self.by_memory, self.by_cores, self.by_disk)

    def lacking(self, count: int) -> str:
        """What there is too little of for so many VMs, in words; empty when they have room. Cores only make slow."""
        for name, free, fits in (("memory", self.memory_mb, self.by_memory), ("disk", self.disk_mb, self.by_disk)):
            if fits < count:
                return f"{count} VMs do not fit: {free} MiB of {name} are free, which is enough for {fits}"
        return ""

    def __str__(self) -> str:
        return (
            f"{self.fitting} ({self.cores} cores for {self.by_cores}, {self.memory_mb} MiB of memory for "
            f"{self.by_memory}, {self.disk_mb} MiB of disk for {self.by_disk})"
        )


def measure(machine: Machine, directory: Path) -> Budget:
    """What this host has now; `directory` is where the VMs are to be."""
    while not directory.exists():
        directory = directory.parent
    return Budget(machine, _memory_mb(), _cores(), shutil.disk_usage(directory).free >> 20)


def _memory_mb() -> int:
    lines = dict(line.split(":", 1) for line in MEMORY_INFO.read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) >> 10
    limit, used = _number("memory.max"), _number("memory.current")
    return free if limit is None else min(free, (limit - (used or 0)) >> 20)


def _cores() -> int:
    """A container may have all processors in sight, and the time of a few."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = (CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))


def _number(name: str) -> int | None:
    """A limit or a use of this container's; None when there is none."""
    try:
        return int((CGROUP / name).read_text())
    except (OSError, ValueError):
        return None
