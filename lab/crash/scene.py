"""What is known of a crash or a hang, wherever it came from: a dump file, a stop in the debugger.

A report is made from a Scene alone. Everything in it is the target's word: names can hold any character, addresses can
lead anywhere, lists can be of any content (their length is bounded by who made the scene).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from lab.kd.bugcheck import Bugcheck
from lab.symbols.image import PdbIdentity


class Memory(Protocol):
    """The target's virtual memory, as far as it was kept."""

    def read(self, address: int, count: int) -> bytes:
        """What is there from `address` on: fewer bytes, or none, where nothing was kept. Never raises."""
        ...


class NoMemory:
    """Nothing was kept."""

    def read(self, address: int, count: int) -> bytes:  # noqa: ARG002
        return b""


@dataclass(frozen=True, slots=True)
class SceneModule:
    """An image that was loaded, or (`unloaded`) had been. None: not known."""

    name: str
    """File name, in the target's spelling."""
    path: str
    base: int
    size: int
    """Bytes of its address range."""
    timestamp: int | None = None
    """TimeDateStamp of its PE header."""
    checksum: int | None = None
    pdb: PdbIdentity | None = None
    unloaded: bool = False

    def __contains__(self, address: int) -> bool:
        return self.base <= address < self.base + self.size


@dataclass(frozen=True, slots=True)
class ExceptionRecord:
    """EXCEPTION_RECORD64: what the processor, or the code itself, complained of."""

    code: int
    flags: int
    address: int
    parameters: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SceneThread:
    """A thread of a process, or a processor of a machine."""

    label: str
    """`processor 0`, `thread 0x1a4`."""
    registers: Mapping[str, int]
    """As `lab.kd.context` names them: rip, rsp... (AMD64) or eip, esp... (I386)."""
    faulting: bool = False
    """Is it the one that crashed? One of them at most."""
    waits_for: str = ""
    """What it waits for, in words; empty when it runs or that is not known."""


@dataclass(frozen=True)
class Scene:
    """One crash or hang. What is not known is None or empty, and `notes` says why."""

    source: str
    """Where this comes from, in words: `kernel triage dump mini.dmp`."""
    machine: str
    """`AMD64`, `I386`, or another architecture's name, of which stacks cannot be told."""
    memory: Memory
    time: datetime | None = None
    """Of the crash, in UTC."""
    system: str = ""
    """Operating system and build, in words."""
    process: str = ""
    """Image name of the process in whose context it happened."""
    bugcheck: Bugcheck | None = None
    exception: ExceptionRecord | None = None
    modules: tuple[SceneModule, ...] = ()
    """Loaded ones in the order of their list, then unloaded ones."""
    threads: tuple[SceneThread, ...] = ()
    notes: tuple[str, ...] = ()
    """What is missing, damaged or was guessed, a sentence each."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """More that the source tells, in words, in the order in which a person should see it."""

    @property
    def faulting(self) -> SceneThread | None:
        """The thread or processor that crashed; None when none did, or it is not known."""
        return next((each for each in self.threads if each.faulting), None)

    def module_at(self, address: int) -> SceneModule | None:
        """The loaded module there; an unloaded one when no other is."""
        found = [each for each in self.modules if address in each]
        return min(found, key=lambda each: each.unloaded, default=None)
