"""A guest that prints to the debugger as fast as its serial port takes it, in QEMU as the lab starts it."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from lab.machine.accelerator import Accelerator

SOURCE = Path(__file__).with_name("uart.S")
LEADER = b"0000"
HEADER = 16
COUNT_AT = 4
START_DEADLINE = 10.0


class Guest:
    """The boot sector, built once."""

    def __init__(self, directory: Path, qemu: str, accelerator: Accelerator) -> None:
        self._directory = directory
        self._qemu = qemu
        self._accelerator = accelerator
        image = directory / "uart.bin"
        compiled = directory / "uart.o"
        subprocess.run(["clang", "--target=i386-elf", "-c", SOURCE, "-o", compiled], check=True)
        subprocess.run(["ld.lld", "--oformat=binary", "-Ttext=0x7c00", "-o", image, compiled], check=True)
        self._sector = bytearray(image.read_bytes())
        start = self._sector.index(LEADER)
        (length,) = struct.unpack_from("<H", self._sector, start + 6)
        payload = self._sector[start + HEADER : start + HEADER + length]
        struct.pack_into("<I", self._sector, start + 12, sum(payload))
        self.packet_bytes = HEADER + length + 1
        self.text_bytes = length - 16

    @contextlib.contextmanager
    def running(self, count: int) -> Iterator[socket.socket]:
        """The guest, let go when the debugger's end of its serial line is there."""
        struct.pack_into("<I", self._sector, COUNT_AT, count)
        disk = self._directory / "disk.bin"
        disk.write_bytes(self._sector)
        path = self._directory / "kd.sock"
        path.unlink(missing_ok=True)
        command = [self._qemu, "-accel", self._accelerator.name, "-machine", "pc", "-m", "16", "-nodefaults"]
        command += ["-display", "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
        command += ["-drive", f"file={disk},format=raw,if=floppy,readonly=on"]
        command += ["-chardev", f"socket,id=kd,path={path},server=on,wait=on", "-serial", "chardev:kd"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            with _connect(path) as connection:
                yield connection
        finally:
            process.kill()
            process.communicate()


def _connect(path: Path) -> socket.socket:
    deadline = time.monotonic() + START_DEADLINE
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
        except OSError:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return connection
