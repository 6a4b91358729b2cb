"""A crash in a real build of the driver: the stack as the prologues on the way to the fault leave it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import capstone
from symbols.memory import Memory

from lab.crash.scene import ExceptionRecord, Scene, SceneModule, SceneThread
from lab.crash.scene_symbols import scene_symbols
from lab.kd.bugcheck import Bugcheck
from lab.symbols.image import Image
from lab.symbols.pdb import Pdb
from lab.symbols.symbols import Symbols
from lab.symbols.unwind_info import REGISTERS, Op, read_unwind_info

BASE = 0xFFFFF80011230000
STACK = 0xFFFFAA0000100000
NOWHERE = 0xFFFFF80000401234
ENTRY = "Example_DeviceControl"
ACCESS_VIOLATION = ExceptionRecord(0xC0000005, 0, 0, (1, 0))


@dataclass(frozen=True)
class _Way:
    """A call, by where it returns to; `returns_to` is None for a jump in place of one."""

    returns_to: int | None
    target: int


class CrashedDriver:
    """The driver stopped in `function`, which may be inlined, on the way from its dispatch routine."""

    def __init__(self, driver: Path, function: str, base: int = BASE) -> None:
        self.driver = driver
        self.base = base
        self._pdb = Pdb(driver.with_suffix(".pdb"))
        self._memory = Memory()
        self._image: Image = self._memory.map_image(driver, base)
        self._stack = bytearray(0x10000)
        self.registers = {name: 0x1111000000000000 + i for i, name in enumerate(REGISTERS)}
        self.registers["rsp"] = STACK + 0xF000
        self._push(NOWHERE)
        start, self.fault = self._fault(function)
        for way in self._ways(self._pdb.by_name[ENTRY].rva, start, ()):
            self._enter(way)
        self._prologue(start)
        self.registers["rip"] = base + self.fault
        self._memory.pieces[STACK] = bytes(self._stack)

    def scene(self, bugcheck: Bugcheck | None = None, exception: ExceptionRecord | None = None) -> Scene:
        """What a debugger sees of it; an exception is put at the fault."""
        at = self.base + self.fault
        if exception is not None:
            exception = ExceptionRecord(exception.code, exception.flags, at, exception.parameters)
        module = SceneModule(self.driver.name, rf"\??\C:\lab\drivers\{self.driver.name}", self.base, self._image.size)
        thread = SceneThread("processor 0", self.registers, faulting=True)
        return Scene(
            "a test",
            "AMD64",
            self._memory,
            bugcheck=bugcheck,
            exception=exception,
            modules=(module,),
            threads=(thread,),
        )

    def symbols(self, scene: Scene) -> Symbols:
        return scene_symbols(scene, [self.driver.parent])

    def _fault(self, function: str) -> tuple[int, int]:
        """Beginning of the function that the code lies in, and the last instruction of it that is `function`'s own."""
        found: tuple[int, int] | None = None
        for each in self._pdb.functions:
            for instruction in self._instructions(each.rva, each.size):
                lines = self._pdb.lines(instruction.address)
                if lines and lines[0].function == function and instruction.mnemonic not in ("ret", "pop", "add"):
                    found = each.rva, instruction.address
        assert found, f"{function} is nowhere in {self.driver}"
        return found

    def _instructions(self, rva: int, size: int) -> list[capstone.CsInsn]:
        decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        return list(decoder.disasm(self._image.read(rva, size), rva))

    def _ways(self, start: int, goal: int, seen: tuple[int, ...]) -> list[_Way]:
        """The calls that lead from the one function to the other."""
        if start == goal:
            return []
        function = self._pdb.function_at(start)
        assert function
        for instruction in self._instructions(start, function.size):
            if instruction.mnemonic not in ("call", "jmp") or not instruction.op_str.startswith("0x"):
                continue
            target = int(instruction.op_str, 16)
            callee = self._pdb.function_at(target)
            if callee is None or callee.rva != target or target in (*seen, start):
                continue
            is_call = instruction.mnemonic == "call"
            way = [_Way(instruction.address + instruction.size if is_call else None, start)]
            if target == goal or self._leads(target, goal, (*seen, start)):
                return way + self._ways(target, goal, (*seen, start))
        raise LookupError(f"no way from +{start:#x} to +{goal:#x}")

    def _leads(self, start: int, goal: int, seen: tuple[int, ...]) -> bool:
        try:
            self._ways(start, goal, seen)
        except LookupError:
            return False
        return True

    def _enter(self, way: _Way) -> None:
        if way.returns_to is not None:
            self._prologue(way.target)
            self._push(self.base + way.returns_to)

    def _prologue(self, rva: int) -> None:
        """Do what the unwind information says that the prologue does."""
        entry = self._image.function_at(rva)
        if entry is None:
            return
        info = read_unwind_info(self._image.read, entry.unwind_info)
        for code in reversed(info.codes):
            if code.op is Op.PUSH:
                self._push(self.registers[REGISTERS[code.info]])
            elif code.op in (Op.ALLOCATE_SMALL, Op.ALLOCATE_LARGE):
                self.registers["rsp"] -= code.value
            elif code.op is Op.SET_FRAME_POINTER and info.frame_register:
                self.registers[info.frame_register] = self.registers["rsp"] + info.frame_offset

    def _push(self, value: int) -> None:
        self.registers["rsp"] -= 8
        struct.pack_into("<Q", self._stack, self.registers["rsp"] - STACK, value)
