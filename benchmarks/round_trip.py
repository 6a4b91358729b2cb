"""The smallest useful thing a lab can do: write to the driver and read it back, through all layers."""

from __future__ import annotations

from benchmarks.script import run_script
from lab.config import Config
from lab.running import RunningLab
from lab.traffic.script import Script, bytes_token

STEP_MS = 30_000
DATA = b"hello"


def round_trip(lab: RunningLab, config: Config) -> None:
    """Write five bytes and read them back in the guest. Raises RuntimeError when they do not come back."""
    script = Script(60_000)
    script.actor("a")
    script.step("1", "a", STEP_MS, "open", "h", rf"{config.device}\BENCHMARK", "rw")
    script.step("2", "a", STEP_MS, "write", "h", bytes_token(DATA))
    script.step("3", "a", STEP_MS, "read", "h", "16")
    script.step("4", "a", STEP_MS, "close", "h")
    events = run_script(lab, script, 60)
    read = [event.get("data") for event in events if event["e"] == "op" and event["op"] == "read"]
    if read != [DATA.hex()]:
        raise RuntimeError(f"the driver did not give back what was written: {events}")
