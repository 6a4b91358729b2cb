"""A burst of DbgPrints from the driver: all in the kd log, in order, none twice; and how fast."""

from __future__ import annotations

import time

from benchmarks.round_trip import STEP_MS
from benchmarks.script import run_script
from lab import bringup
from lab.config import Config
from lab.kd.log import read_log
from lab.progress import Silent
from lab.running import RunningLab
from lab.traffic.script import Script, bytes_token

COUNT = 10_000
DEADLINE = 300.0


def measure(config: Config) -> None:
    """Print the burst's time and rate. Raises RuntimeError when a print is missing, doubled or out of order."""
    lab = bringup.up(config, Silent())
    image = lab.ensure_driver("example-fault")
    lab.guest.services.reload(config.drivers["example-fault"].service, image)
    seconds, texts = burst(lab, config, COUNT)
    expected = [f"burst {number} of {COUNT}" for number in range(1, COUNT + 1)]
    got = [text for text in texts if text.startswith("burst ")]
    if got != expected:
        raise RuntimeError(f"{len(got)} of {COUNT} prints in the kd log, or not in order")
    print(f"  {COUNT} DbgPrints in {seconds:.1f} s, {COUNT / seconds:.0f} a second: all there, in order, none twice")
    lab.restore()


def burst(lab: RunningLab, config: Config, count: int) -> tuple[float, list[str]]:
    """Let the driver print `count` numbered lines; return the seconds until all are logged, and the log's lines."""
    ioctl = config.ioctls["burst"]
    script = Script(int(DEADLINE * 1000))
    script.actor("a")
    script.step("1", "a", STEP_MS, "open", "h", rf"{config.device}\BURST", "rw")
    data = bytes_token(ioctl.pack({"count": count}))
    script.step("2", "a", int(DEADLINE * 1000) - STEP_MS, "ioctl", "h", f"{ioctl.code:#x}", data, "0")
    script.step("3", "a", STEP_MS, "close", "h")
    first = lab.mark(None, "burst")
    begin = time.monotonic()
    run_script(lab, script, DEADLINE)
    lab.sync(60)
    seconds = time.monotonic() - begin
    text = "".join(entry.text for entry in read_log(lab.kd_log, first) if entry.kind == "print")
    return seconds, text.splitlines()
