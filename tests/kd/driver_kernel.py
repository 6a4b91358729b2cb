"""A kernel with the real driver loaded: each run comes to its write routine, if somebody waits there."""

from __future__ import annotations

import struct

from symbols.memory import BASE, BUILD, Memory
from symbols.request import IRP, request_to_write

from lab.symbols.pdb import Pdb

from .kernel import BREAKPOINT, Kernel

STACK = 0xFFFFAA0000800000
DEVICE = 0xFFFFAA0000900000
ENTRIES = 0xFFFFAA0000A00000
DRIVER = "example-buffered"
WRITE = Pdb(BUILD / f"{DRIVER}.pdb").by_name["Example_Write"]


class DriverKernel(Kernel):
    """Its module list names the kernel and the driver."""

    def __init__(self) -> None:
        super().__init__()
        memory = Memory()
        image = memory.map_image(BUILD / f"{DRIVER}.sys", BASE)
        for address, data in {**memory.pieces, **request_to_write()}.items():
            self.map(address, data)
        self.map(STACK, bytes(0x1000))
        self.map(DEVICE, bytes(0x200))
        self.map(STACK + 0x800, struct.pack("<Q", self.code + 0x205))
        self.write = BASE + WRITE.rva
        self._list_modules(
            [("\\SystemRoot\\ntoskrnl.exe", self.code, 0x1000), (rf"\??\C:\lab\{DRIVER}.sys", BASE, image.size)]
        )

    def run(self) -> int | None:
        """Somebody writes."""
        if self.write not in self.breakpoints.values():
            self.counter = self.end
            return None
        self.counter = self.write
        values = {"rcx": DEVICE, "rdx": IRP, "rsp": STACK + 0x800}
        self.contexts[self.processor] = self.contexts[self.processor].with_registers(values)
        return BREAKPOINT

    def _list_modules(self, modules: list[tuple[str, int, int]]) -> None:
        links = [self.data, *(ENTRIES + i * 0x100 for i in range(len(modules))), self.data]
        self.map(self.data, struct.pack("<QQ", links[1], links[-2]))
        for i, (path, base, size) in enumerate(modules, start=1):
            text = path.encode("utf-16-le")
            self.map(ENTRIES + 0x1000 * i, text)
            name = path.rpartition("\\")[2].encode("utf-16-le")
            entry = bytearray(0x80)
            struct.pack_into("<QQ", entry, 0, links[i + 1], links[i - 1])
            struct.pack_into("<QQI", entry, 0x30, base, 0, size)
            struct.pack_into("<HHIQ", entry, 0x48, len(text), len(text), 0, ENTRIES + 0x1000 * i)
            at = ENTRIES + 0x1000 * i + len(text) - len(name)
            struct.pack_into("<HHIQ", entry, 0x58, len(name), len(name), 0, at)
            self.map(links[i], bytes(entry))
