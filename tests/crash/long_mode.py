"""A real virtual machine that stands in 64-bit mode, with a crashed machine's memory in it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .crashed_machine import DIRECTORY, PAGE, CrashedMachine, runs_of

SOURCE = Path(__file__).with_suffix(".S")
LOAD_ADDRESS = 0x8000
DEADLINE = 30.0


class LongModeMachine:
    """Two processors, 16 MiB, a graphics card with memory of its own; the first processor has paging on."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: Any) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            answer = json.loads(line)
            assert "error" not in answer, answer
            if "return" in answer:
                return
        raise AssertionError("QEMU is gone")

    def dump(self, path: Path) -> None:
        """As the lab would: an ELF core of physical memory."""
        self.execute("stop")
        self.execute("dump-guest-memory", paging=False, protocol=f"file:{path}")


@contextmanager
def long_mode(machine: CrashedMachine, directory: Path) -> Iterator[LongModeMachine]:
    """Runs it until it says that it is there."""
    memory = []
    for first, count in runs_of(machine.physical):
        piece = directory / f"{first:x}.bin"
        piece.write_bytes(b"".join(bytes(machine.physical[first + i]) for i in range(count)))
        memory += ["-device", f"loader,file={piece},addr={first * PAGE:#x},force-raw=on"]
    serial = directory / "serial"
    command = ["qemu-system-x86_64", "-accel", "tcg", "-machine", "q35", "-nodefaults", "-m", "16", "-smp", "2"]
    command += ["-display", "none", "-vga", "std", "-serial", f"file:{serial}", "-qmp", "stdio"]
    command += ["-kernel", str(_assembled(directory)), *memory]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            running = LongModeMachine(process)
            end = time.monotonic() + DEADLINE
            while not (serial.is_file() and serial.stat().st_size):
                assert time.monotonic() < end, "it never came to 64-bit mode"
                time.sleep(0.02)
            yield running
        finally:
            process.kill()


def _assembled(directory: Path) -> Path:
    target, binary = directory / "long_mode.o", directory / "long_mode.bin"
    flags = ["--target=x86_64-none-elf", f"-DDIRECTORY={DIRECTORY:#x}"]
    subprocess.run(["clang", *flags, "-c", str(SOURCE), "-o", str(target)], check=True)
    link = ["ld.lld", f"-Ttext={LOAD_ADDRESS:#x}", "--oformat=binary", "-e", "_start"]
    subprocess.run([*link, str(target), "-o", str(binary)], check=True)
    return binary
