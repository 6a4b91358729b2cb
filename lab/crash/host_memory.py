"""The memory of a virtual machine whose kernel died, taken by the host: a dump that needs no help from the guest."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from lab.crash.kernel_facts import KernelFacts
from lab.crash.wrap_memory import Wrapped, wrap_memory
from lab.errors import InfrastructureError


class HostMemory:
    """That of the newest stop, as QEMU writes it; made a Windows dump only when somebody asks. For several threads."""

    def __init__(self, write: Callable[[Path], None], core: Path, size: int) -> None:
        """`write` makes QEMU write the machine's memory, `size` bytes, into a file. The core is deleted by `forget`."""
        self._write = write
        self._core = core
        self._size = size
        self._facts: KernelFacts | None = None
        self._lock = threading.Lock()
        self.forget()

    def take(self, facts: KernelFacts) -> None:
        """Write the core, while the machine stands in the debugger. Raises LabError."""
        self.forget()
        free = shutil.disk_usage(self._core.parent).free
        if free < 2 * self._size:
            raise InfrastructureError(
                f"{self._core.parent} has {free >> 20:,} MiB free, and the machine {self._size >> 20:,} MiB of memory"
            )
        with self._lock:
            self._write(self._core)
            self._facts = facts

    def wrap(self, target: Path) -> Wrapped:
        """Make `target` a full dump of what was taken. Raises InfrastructureError when nothing was, BadDumpError."""
        with self._lock:
            if self._facts is None:
                raise InfrastructureError("the machine's memory was not taken")
            return wrap_memory(self._core, self._facts, target)

    def forget(self) -> None:
        """Give the disk's room back."""
        with self._lock:
            self._facts = None
            self._core.unlink(missing_ok=True)
