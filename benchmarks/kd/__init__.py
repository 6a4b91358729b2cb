"""The kernel debugger client against doing nothing, against QEMU's serial port, and while others are slow."""

from __future__ import annotations

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks.kd import delay, readers, stream
from benchmarks.kd.guest import Guest
from lab.config import Config
from lab.kd.replay import ReplayTransport
from lab.machine.accelerator import choose_accelerator
from lab.machine.qemu import find_qemu

ROUNDS = 3
STREAMED = 60_000
PRINTED = 6_000
WANTED_REPLAY = 20_000
WANTED_RATIO = 0.9
WANTED_DELAY_MS = 5.0
BARS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0, 100.0, float("inf"))
"""Upper ends of the histogram's bars, milliseconds."""


def measure(_config: Config) -> None:
    """Print rates, ratios and delays. Raises RuntimeError when a print is missing, doubled or out of order."""
    console = Console(width=100)
    with TemporaryDirectory() as folder:
        _rates(console, Path(folder))
    _delays(console)


def _rates(console: Console, directory: Path) -> None:
    qemu, _ = find_qemu()
    accelerator = choose_accelerator(qemu, "qemu64")
    guest = Guest(directory, qemu, accelerator)
    data = stream.recording(STREAMED)
    file = directory / "recording.bin"
    file.write_bytes(data)
    each = len(data) // STREAMED
    seconds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, taken in (
            ("socket, read and thrown away", _poured(data, client=False) / STREAMED),
            ("socket, through the client", _poured(data, client=True) / STREAMED),
            ("recording, through the client", readers.client(ReplayTransport(file), STREAMED) / STREAMED),
            (f"QEMU's serial port ({accelerator.name}), acknowledged blindly", _dumb(guest) / PRINTED),
            (f"QEMU's serial port ({accelerator.name}), through the client", _client(guest) / PRINTED),
        ):
            seconds.setdefault(name, []).append(taken)
    table = Table("", "prints/s", "kB/s", "of the line above", title=f"medians of {ROUNDS} rounds, side by side")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    above = 0.0
    for name, taken in medians.items():
        ratio = f"{above / taken:.2f}" if "through" in name and "recording" not in name else ""
        table.add_row(name, f"{1 / taken:,.0f}", f"{each / taken / 1000:,.0f}", ratio)
        above = taken
    console.print(table)
    _, _, replayed, blind, ours = medians.values()
    console.print(f"  recording: {1 / replayed:,.0f} prints a second (wanted: at least {WANTED_REPLAY:,})")
    console.print(f"  serial port: {blind / ours:.0%} of blind acknowledging (wanted: at least {WANTED_RATIO:.0%})")


def _poured(data: bytes, *, client: bool) -> float:
    with stream.pour(data) as connection:
        return readers.socket_client(connection, STREAMED) if client else readers.read_only(connection)


def _dumb(guest: Guest) -> float:
    with guest.running(PRINTED) as connection:
        return readers.acknowledge_only(connection, guest.packet_bytes, PRINTED)


def _client(guest: Guest) -> float:
    with guest.running(PRINTED) as connection:
        return readers.socket_client(connection, PRINTED)


def _delays(console: Console) -> None:
    table = Table("", "p50", "p99", "worst", title="milliseconds from the last byte of a print to its acknowledgement")
    worst = 0.0
    histograms = []
    for situation in (*delay.SITUATIONS, delay.STALLING):
        milliseconds = sorted(1000 * each for each in delay.delays(situation))
        p50, p99 = (milliseconds[int(len(milliseconds) * part)] for part in (0.5, 0.99))
        table.add_row(situation, f"{p50:.2f}", f"{p99:.2f}", f"{milliseconds[-1]:.2f}")
        worst = max(worst, p99)
        histograms.append((situation, milliseconds))
    console.print(table)
    for situation, milliseconds in histograms:
        _histogram(console, situation, milliseconds)
    console.print(f"  p99 at most {worst:.2f} ms (wanted: under {WANTED_DELAY_MS:g} ms)")


def _histogram(console: Console, title: str, milliseconds: list[float]) -> None:
    console.print(f"  {title}")
    low = 0.0
    for high in BARS:
        share = sum(low <= each < high for each in milliseconds) / len(milliseconds)
        if share:
            console.print(f"    under {high:6g} ms {share:7.2%} {'█' * round(share * 50) or '▏'}")
        low = high
