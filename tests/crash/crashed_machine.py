"""A machine that died in the real driver: physical memory with page tables, a kernel's lists, stacks. Tests write it
into dumps of all kinds."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import capstone
from symbols.memory import BUILD, Memory, bare_image

from lab.kd.context import Context
from lab.kd.state_change import Machine
from lab.symbols.pdb import Pdb
from lab.symbols.unwind_info import Op, read_unwind_info

PAGE = 0x1000
KERNEL = 0xFFFFF80000400000
DRIVER = 0xFFFFF80011230000
LARGE = 0xFFFFF90000000000
"""A page of 2 MiB."""
HUGE = 0xFFFFFA0000000000
"""A page of 1 GiB, of which only the beginning is kept."""
LISTS = 0xFFFFAA0000700000
STACK = 0xFFFFAA0000100000
PROCESSORS = 0xFFFFAA0000200000
PROCESS = 0xFFFFAA0000300000
UNLOADED = 0xFFFFAA0000400000
MOVING = 0xFFFFAA0000500000
"""A page on its way out of memory."""
SHARED = 0xFFFFAA0000600000
"""A page of a section."""
DIRECTORY = 0x1AD000
DEBUGGER_DATA = KERNEL + 0x2000
TIME = datetime(2026, 11, 21, 17, 4, 29, 250_000, tzinfo=UTC)
NAME = "example-fault.sys"
_PDB = (BUILD / NAME).with_suffix(".pdb")
FAULTING = DRIVER + (Pdb(_PDB).by_name["Fault_Commit"].rva + 0x40 if _PDB.is_file() else 0)
"""Where the driver as it is built writes to nowhere."""
BUGCHECK = (0xD1, (0x10, 2, 1, FAULTING))
PATH = rf"\??\C:\lab\drivers\{NAME}"
MEMORY = ((1, 0x9E), (0x100, 0x700))
"""What the kernel takes for memory: first page, how many."""
_FIRST_FREE = 0x200


@dataclass
class CrashedMachine:
    """What is in memory. `physical` has the pages by their numbers."""

    physical: dict[int, bytearray] = field(default_factory=dict)
    registers: list[dict[str, int]] = field(default_factory=list)
    """Of each processor; the first one crashed."""
    driver: Path = BUILD / NAME

    def __post_init__(self) -> None:
        self.physical[DIRECTORY // PAGE] = bytearray(PAGE)
        self._free = _FIRST_FREE
        memory = Memory()
        self.image = memory.map_image(self.driver, DRIVER)
        self.map(DRIVER, memory.pieces[DRIVER])
        kernel = bare_image({})
        kernel[0x1200:0x1205] = b"\xe8\x00\x00\x00\x00"
        self.map(KERNEL, bytes(kernel))
        self.map(STACK, bytes(4 * PAGE))
        self.registers = [self._crash_on_stack(), self._idle()]
        self._lay_out_processors()
        self._lay_out_lists()
        self._lay_out_rare_pages()

    # --- memory ---

    def page(self) -> int:
        """A new page of physical memory; every eighth one is left out, as devices' are."""
        self._free += 2 if self._free % 8 == 6 else 1
        self.physical[self._free] = bytearray(PAGE)
        return self._free

    def map(self, address: int, data: bytes | bytearray) -> None:
        """Lay bytes out at a virtual address, in pages of their own."""
        for at in range(0, len(data), PAGE):
            page = self.page()
            self.physical[page][: len(data[at : at + PAGE])] = data[at : at + PAGE]
            self.enter(address + at, page * PAGE | 0x63)

    def enter(self, address: int, entry: int, level: int = 12) -> None:
        """Write an entry into the page tables: of a page of 4 KiB, or at another level."""
        table = DIRECTORY // PAGE
        for shift in range(39, level, -9):
            at = (address >> shift & 0x1FF) * 8
            (below,) = struct.unpack_from("<Q", self.physical[table], at)
            if not below:
                below = self.page() * PAGE | 0x67
                struct.pack_into("<Q", self.physical[table], at, below)
            table = below // PAGE
        struct.pack_into("<Q", self.physical[table], (address >> level & 0x1FF) * 8, entry)

    def write(self, address: int, data: bytes | bytearray) -> None:
        """Change what is mapped there."""
        for offset, byte in enumerate(data):
            at = address + offset
            table = DIRECTORY // PAGE
            for shift in (39, 30, 21, 12):
                (entry,) = struct.unpack_from("<Q", self.physical[table], (at >> shift & 0x1FF) * 8)
                table = (entry & 0xFFFFFFFFFF000) // PAGE
            self.physical[table][at % PAGE] = byte

    def context(self, processor: int = 0) -> bytes:
        raw = bytearray(1232)
        struct.pack_into("<II", raw, 0x30, 0x10001F, 0x1F80)
        struct.pack_into("<I", raw, 0x118, 0x1F80)
        return Context(Machine.AMD64, bytes(raw)).with_registers(self.registers[processor]).raw

    def stack(self) -> bytearray:
        """What is kept of the stack that crashed."""
        return self._stack[self.registers[0]["rsp"] - STACK :]

    # --- what is in it ---

    def _crash_on_stack(self) -> dict[str, int]:
        """Fault_Commit at its write to nowhere, called by Example_DeviceControl's Control_Perform, by the kernel."""
        pdb = Pdb(self.driver.with_suffix(".pdb"))
        self._stack = bytearray(4 * PAGE)
        stack = STACK + 0x2000
        registers = {"rip": FAULTING, "rsp": stack, "eflags": 0x10246, "cs": 0x10, "ss": 0x18}
        chain = ["Fault_Commit", "Control_Perform", "Example_DeviceControl"]
        for function, caller in zip(chain, [*chain[1:], ""], strict=True):
            rva = pdb.by_name[function].rva
            stack += self._frame(rva)
            back = DRIVER + self._behind_call(pdb, caller, rva) if caller else KERNEL + 0x1205
            struct.pack_into("<Q", self._stack, stack - STACK, back)
            stack += 8
        self.write(STACK, bytes(self._stack))
        return registers

    def _frame(self, rva: int) -> int:
        """Bytes of a function's frame below its return address."""
        entry = self.image.function_at(rva)
        assert entry is not None
        info = read_unwind_info(self.image.read, entry.unwind_info)
        assert info.frame_register is None
        pushes = sum(code.op is Op.PUSH for code in info.codes)
        return pushes * 8 + sum(code.value for code in info.codes if code.op in (Op.ALLOCATE_SMALL, Op.ALLOCATE_LARGE))

    def _behind_call(self, pdb: Pdb, caller: str, callee: int) -> int:
        function = pdb.by_name[caller]
        decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        for each in decoder.disasm(self.image.read(function.rva, function.size), function.rva):
            if each.mnemonic == "call" and each.op_str == hex(callee):
                return int(each.address + each.size)
        raise AssertionError(f"{caller} does not call {callee:#x}")

    def _idle(self) -> dict[str, int]:
        return {"rip": KERNEL + 0x1300, "rsp": STACK + 0x3F00, "eflags": 0x246, "cs": 0x10, "ss": 0x18}

    def _lay_out_processors(self) -> None:
        """KDDEBUGGER_DATA64, the array of KPRCBs, and a KTHREAD and EPROCESS of the first one."""
        block = bytearray(0x340)
        block[0x10:0x14] = b"KDBG"
        struct.pack_into("<IQ", block, 0x14, len(block), KERNEL)
        struct.pack_into("<Q", block, 0x48, LISTS)
        struct.pack_into("<QQ", block, 0x218, PROCESSORS, UNLOADED)
        struct.pack_into("<Q", block, 0x88, UNLOADED + 0xA00)
        struct.pack_into("<Q", block, 0x270, UNLOADED + 0x900)
        struct.pack_into("<H", block, 0x2A0, 0x98)
        struct.pack_into("<H", block, 0x2A8, 0x600)
        struct.pack_into("<H", block, 0x2B4, 0x8)
        struct.pack_into("<H", block, 0x338, 0x20)
        self.write(DEBUGGER_DATA, block)
        raw = bytearray(8 * PAGE)
        for number in range(len(self.registers)):
            processor = PROCESSORS + 0x1000 + number * 0x1000
            struct.pack_into("<Q", raw, number * 8, processor)
            struct.pack_into("<Q", raw, processor + 0x8 - PROCESSORS, PROCESS + 0x1000)
            struct.pack_into("<Q", raw, processor + 0x20 - PROCESSORS, processor + 0x100)
            at = processor + 0x100 - PROCESSORS
            raw[at : at + 1232] = self.context(number)
        self.map(PROCESSORS, raw)
        process = bytearray(2 * PAGE)
        process[0x5A8:0x5B7] = b"traffic.exe\0\0\0\0"
        struct.pack_into("<Q", process, 0x1000 + 0x98, PROCESS)
        self.map(PROCESS, process)

    def _lay_out_lists(self) -> None:
        """PsLoadedModuleList and MmUnloadedDrivers."""
        modules = [("\\SystemRoot\\system32\\ntoskrnl.exe", KERNEL, 0x3000), (PATH, DRIVER, self.image.size)]
        raw = bytearray(4 * PAGE)
        links = [LISTS, *(LISTS + 0x200 + i * 0x400 for i in range(len(modules))), LISTS]
        struct.pack_into("<QQ", raw, 0, links[1], links[-2])
        for i, (path, base, size) in enumerate(modules, start=1):
            at = links[i] - LISTS
            text, name = path.encode("utf-16-le"), path.rpartition("\\")[2].encode("utf-16-le")
            struct.pack_into("<QQ", raw, at, links[i + 1], links[i - 1])
            struct.pack_into("<QQI", raw, at + 0x30, base, 0, size)
            struct.pack_into("<HHIQ", raw, at + 0x48, len(text), len(text), 0, links[i] + 0x100)
            struct.pack_into("<HHIQ", raw, at + 0x58, len(name), len(name), 0, links[i] + 0x100 + len(text) - len(name))
            raw[at + 0x100 : at + 0x100 + len(text)] = text
        self.map(LISTS, raw)
        raw = bytearray(PAGE)
        struct.pack_into("<Q", raw, 0, UNLOADED + 0x10)
        struct.pack_into("<HHIQQQQ", raw, 0x10, 14, 14, 0, UNLOADED + 0x800, DRIVER - 0x20000, DRIVER - 0x18000, 0)
        raw[0x800:0x80E] = "old.sys".encode("utf-16-le")
        memory = struct.pack(
            "<QIIQQQQQ", UNLOADED + 0x908, len(MEMORY), 0, sum(count for _, count in MEMORY), *sum(MEMORY, ())
        )
        raw[0x900 : 0x900 + len(memory)] = memory
        struct.pack_into("<5Q", raw, 0xA00, BUGCHECK[0], *BUGCHECK[1])
        self.map(UNLOADED, raw)

    def _lay_out_rare_pages(self) -> None:
        large = 0x400
        self.physical[large + 3] = bytearray(b"in a large page".ljust(PAGE, b"\0"))
        self.enter(LARGE, large * PAGE | 0xE3, 21)
        huge = 0
        self.physical[huge + 5] = bytearray(b"in a huge page".ljust(PAGE, b"\0"))
        self.enter(HUGE, huge * PAGE | 0xE3, 30)
        moving = self.page()
        self.physical[moving][:12] = b"still around"
        self.enter(MOVING, moving * PAGE | 0x880)
        shared = self.page()
        self.physical[shared][:6] = b"shared"
        self.map(SHARED + PAGE, struct.pack("<Q", shared * PAGE | 0x63))
        self.enter(SHARED, (SHARED + PAGE & (1 << 48) - 1) << 16 | 0x400)


def runs_of(pages: Iterable[int]) -> list[tuple[int, int]]:
    """Pages one behind the other: (first, how many)."""
    runs: list[tuple[int, int]] = []
    for page in sorted(pages):
        if runs and page == sum(runs[-1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((page, 1))
    return runs
