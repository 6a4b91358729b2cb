"""Many prints over bad lines: every one once, in order. `python -m faults.million COUNT [SEED]`, in `tests`."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from compiled_stub import build_library
from kdstub.records import module_record, print_record

from lab.kd.events import KdEvent, ModuleEvent, PrintEvent

from .joined import Joined
from .line import Fault

BATCH = 1000
MODULE_EVERY = 500
BASE = 0x10000
STALLED = 60_000
"""Milliseconds of simulated time without a print: it hangs. The stub itself gives up after 10 seconds."""
FILLING = (b"", b"b", b"0000", b"iiii", b"\xaa" * 9, bytes(range(256)), b"0000\x03\0\x20\0", b"\x00" * 40)


def line(number: int) -> bytes:
    """The text of a print: told from all others, with what looks like packets in it."""
    return b"%d %s\n" % (number, FILLING[number % len(FILLING)])


class Prints:
    """Sends `count` prints, a module now and then, and holds what arrives against them."""

    def __init__(
        self,
        library: Path,
        count: int,
        *,
        seed: int,
        rate: float,
        kinds: Sequence[Fault] = tuple(Fault),
        per_byte: bool = False,
    ) -> None:
        self.joined = Joined(library, self._emit, seed=seed, rate=rate, kinds=kinds, per_byte=per_byte)
        self.arrived = 0
        self.modules = 0
        self._seed = seed
        self._count = count
        self._written = 0

    def run(self) -> None:
        """Raises AssertionError with the seed when a print is lost, doubled, changed or out of order."""
        last, since = -1, 0
        while self.arrived < self._count:
            if self._written < self._count and self.joined.unwritten < BATCH:
                self._write()
            self.joined.step()
            if self.arrived != last:
                last, since = self.arrived, self.joined.now
            assert self.joined.now - since < STALLED, f"seed {self._seed}: nothing came after print {self.arrived}"
        end = self.joined.now + STALLED
        self.joined.run(lambda: self.joined.now >= end, STALLED)
        assert self.modules == self._count // MODULE_EVERY, f"seed {self._seed}: {self.modules} modules"

    def close(self) -> None:
        self.joined.close()

    def _write(self) -> None:
        for number in range(self._written, min(self._written + BATCH, self._count)):
            if number % MODULE_EVERY == 0:
                self.joined.write(module_record(b"m%d.sys" % number, BASE + number))
            self.joined.write(print_record(line(number)))
        self._written = min(self._written + BATCH, self._count)

    def _emit(self, event: KdEvent) -> None:
        if isinstance(event, PrintEvent):
            wanted = line(self.arrived).decode("latin-1")
            assert event.text == wanted, f"seed {self._seed}: {event.text!r} arrived, not {wanted!r}"
            self.arrived += 1
        elif isinstance(event, ModuleEvent):
            wanted = f"m{self.arrived}.sys"
            assert event.name == wanted, f"seed {self._seed}: {event.name} arrived, not {wanted}"
            self.modules += 1


def main() -> None:
    count = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory() as directory:
        prints = Prints(build_library(Path(directory)), count, seed=seed, rate=0.01)
        begin = time.monotonic()
        prints.run()
        seconds = time.monotonic() - begin
    for name, way in (("target to host", prints.joined.up), ("host to target", prints.joined.down)):
        faults = ", ".join(f"{kind.value} {number}" for kind, number in way.faults.items())
        print(f"{name}: {way.packets} packets; {faults}")
    print(f"{count} prints in {seconds:.1f} s, {prints.joined.now / 1000:.0f} s of simulated time: all there, in order")


if __name__ == "__main__":
    main()
