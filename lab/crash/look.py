"""Looking into a target that stands still in the kernel debugger: from a stop to a scene."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lab.crash.debugger_block import read_block, running_threads
from lab.crash.kept_memory import KeptMemory
from lab.crash.scene import ExceptionRecord, Scene, SceneModule, SceneThread
from lab.crash.waits import waits_for
from lab.errors import LabError
from lab.kd.bugcheck import Bugcheck
from lab.kd.client import KdClient
from lab.kd.context import Context
from lab.kd.events import StopEvent
from lab.kd.modules import Module as LoadedModule
from lab.kd.modules import read_modules
from lab.kd.state_change import Machine
from lab.kd.stop_reason import EXCEPTION
from lab.symbols.errors import BadImageError, UnreadableError
from lab.symbols.finder import Finder
from lab.symbols.module import Module
from lab.symbols.symbols import Symbols
from lab.symbols.unwind import unwind

MAX_FRAMES = 40
"""Of a stack whose memory is kept."""
STACK_BYTES = 4096
"""Kept of each stack at least, from the stack pointer up."""
MAX_STACK = 64 << 10
ABOVE = 512
"""Kept of a stack above the last frame that was found."""
POINTED_BYTES = 256
"""Kept around what a register of the faulting thread points to."""
DRIVER_BYTES = 256 << 10
"""Kept of each image that is not the system's own, at most."""
ANSWER_DEADLINE = 3.0


@dataclass
class Look:
    """One look into one stop. What is missing in the end, `notes` say."""

    client: KdClient
    stop: StopEvent
    images: Iterable[Path]
    """Directories with images of the system: what they have needs not be read over the link."""
    within: float = 8.0
    """Seconds for all of it."""
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.memory = KeptMemory(self._read, time.monotonic() + self.within)
        self._finder = Finder(self.images)
        self._modules: list[SceneModule] = []
        self._symbols = Symbols([])
        self._contexts: dict[int, Context] = {}
        self._waits: dict[int, str] = {}
        self._running: dict[int, int] = {}
        """Processors by the KTHREADs that they run, where the kernel tells."""
        self._version = ""
        self._machine = Machine.AMD64

    def scene(self, source: str, bugcheck: Bugcheck | None = None) -> Scene:
        """Look at all there is, the most telling first. Never fails: what cannot be had is noted."""
        crash = bugcheck is not None or self.stop.reason == EXCEPTION
        steps: list[tuple[str, Callable[[], None]]] = [
            ("registers", lambda: self._look_at_thread(self.stop.processor)),
            ("modules", self._look_at_modules),
            ("the stack", lambda: self._keep_stack(self.stop.processor)),
            ("memory around the registers", self._keep_pointed),
            ("the other threads", self._look_at_others),
            ("the drivers' images", self._keep_drivers),
        ]
        for what, step in steps:
            try:
                step()
            except LabError as error:
                self.notes.append(f"{what} could not be read: {error}")
        if self.memory.was_cut:
            self.notes.append(f"not everything was read within {self.within:g} s")
        self.memory.close()
        return Scene(
            source=source,
            machine=self._machine.name,
            memory=self.memory,
            time=datetime.now(UTC),
            system=self._version,
            bugcheck=bugcheck,
            exception=self._exception(),
            modules=tuple(self._modules),
            threads=tuple(
                SceneThread(
                    self._label(number),
                    context.all_registers,
                    crash and number == self.stop.processor,
                    self._waits.get(number, ""),
                )
                for number, context in self._contexts.items()
            ),
            notes=tuple(self.notes),
        )

    # --- what the target is asked ---

    def _read(self, address: int, count: int) -> bytes:
        return self.client.read_virtual(address, count, ANSWER_DEADLINE)

    def _look_at_thread(self, number: int) -> None:
        context = self.client.get_context(number, ANSWER_DEADLINE)
        if context is None:
            self.notes.append(f"the registers of {self._label(number)} are not to be had")
        else:
            self._contexts[number] = context
            self._machine = context.machine

    def _look_at_modules(self) -> None:
        version = self.client.version(ANSWER_DEADLINE)
        self._version = f"NT build {version.build}" if version.build else ""
        found = read_modules(self.memory.read, self._machine, version.module_list)
        modules = [self._module(each) for each in found]
        self._symbols = Symbols(modules)
        self._modules = [self._scene_module(each, module) for each, module in zip(found, modules, strict=True)]
        pointer = self.memory.read(version.debugger_data, 8) if version.debugger_data else b""
        block = read_block(self.memory, int.from_bytes(pointer, "little"))
        if block is not None and self._machine is Machine.AMD64:
            self._running = running_threads(self.memory, block, self.stop.change.processors)
        if not found:
            self.notes.append("the list of loaded modules is not to be had")

    def _look_at_others(self) -> None:
        for number in range(self.stop.change.processors):
            if number not in self._contexts:
                self._look_at_thread(number)
                self._keep_stack(number)

    def _module(self, found: LoadedModule) -> Module:
        base = found.base if self._machine is Machine.AMD64 else found.base & 0xFFFFFFFF
        name = found.path or found.name
        return Module(name, base, found.size, self.memory.read, self._finder, found.timestamp or None)

    def _scene_module(self, found: LoadedModule, module: Module) -> SceneModule:
        try:
            pdb = module.image.pdb if _is_under_test(module) and module.image else None
        except (BadImageError, UnreadableError):
            pdb = None
        return SceneModule(
            name=module.file_name,
            path=found.path,
            base=module.base,
            size=module.size,
            timestamp=found.timestamp or None,
            checksum=found.checksum or None,
            pdb=pdb,
        )

    # --- what is kept ---

    def _keep_stack(self, number: int) -> None:
        context = self._contexts.get(number)
        if context is None:
            return
        self.memory.keep(context.stack_pointer, STACK_BYTES)
        frames = unwind(context.registers, self.memory.read, self._symbols, MAX_FRAMES)
        self._waits[number] = waits_for(frames, self.memory.read, self._running)
        last = frames[-1].stack if frames else context.stack_pointer
        self.memory.keep(context.stack_pointer, min(last - context.stack_pointer + ABOVE, MAX_STACK))

    def _keep_pointed(self) -> None:
        context = self._contexts.get(self.stop.processor)
        for value in context.registers.values() if context else ():
            if value > 0xFFFF:
                self.memory.keep(value - POINTED_BYTES // 2, POINTED_BYTES)

    def _keep_drivers(self) -> None:
        for each in self._symbols.modules:
            if _is_under_test(each):
                self.memory.keep(each.base, min(each.size, DRIVER_BYTES))

    def _exception(self) -> ExceptionRecord | None:
        change = self.stop.change
        if self.stop.reason != EXCEPTION:
            return None
        return ExceptionRecord(change.code, change.flags, change.address, change.information)

    def _label(self, number: int) -> str:
        return f"processor {number}"


def _is_under_test(module: Module) -> bool:
    """A driver that is not part of the system."""
    path = module.path.lower()
    return path.endswith(".sys") and "\\windows\\" not in path and "systemroot" not in path
