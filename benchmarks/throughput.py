"""Requests a second that eight processes get through the driver: on one thread, on many, checked, fuzzed."""

from __future__ import annotations

from statistics import median

from benchmarks.script import run_script
from lab import bringup
from lab.config import Config
from lab.progress import Silent
from lab.running import RunningLab
from lab.traffic.script import Script, bytes_token
from lab.verifier import STANDARD, Verifier

PROCESSES = 8
ROUNDS = 3
PAIRS = 250
FUZZED_PAIRS = 25
STEP_MS = 600_000
DATA = bytes(range(64))
ALONE = "ThroughputAlone"


def measure(config: Config) -> None:
    """Print the rate of each way, and how it compares with one thread in the same round: medians."""
    lab = bringup.up(config, Silent())
    ways = {
        "many threads": (Verifier(), PAIRS),
        "verifier: standard": (Verifier(STANDARD), PAIRS),
        "schedule: fuzzed": (Verifier(fuzz_seed=1), FUZZED_PAIRS),
    }
    one: list[float] = []
    rates: dict[str, list[float]] = {name: [] for name in ways}
    try:
        for _ in range(ROUNDS):
            lab.restore()
            one.append(_rate(lab, config, _one_thread(lab, config), PAIRS))
            for name, (verifier, pairs) in ways.items():
                lab.restore()
                image = lab.ensure_driver(config.default_driver)
                load = ("reload", config.driver.service, image, *verifier.tokens(lab.capabilities))
                rates[name].append(_rate(lab, config, load, pairs))
    finally:
        lab.restore()
    print(f"  {'one thread, as Wine has it':26} {median(one):7.0f} requests/s")
    for name, each in rates.items():
        ratio = median(rate / base for rate, base in zip(each, one, strict=True))
        print(f"  {name:26} {median(each):7.0f} requests/s, {ratio:5.2f} of one thread", flush=True)


def _one_thread(lab: RunningLab, config: Config) -> tuple[str, ...]:
    """How to load the driver into a process of its own, with one thread: a service outside of traffic.exe's group."""
    image = lab.ensure_driver(config.default_driver)
    lab.guest.services.stop(config.driver.service)
    for command in (
        ["reg", "add", r"HKLM\Software\Wine\Ntoskrnl", "/v", "DispatchThreads", "/t", "REG_DWORD", "/d", "1", "/f"],
        ["sc", "create", ALONE, "type=", "kernel", "binPath=", image],
    ):
        if lab.guest.stream(command, lambda _line: None, 60):
            raise RuntimeError(f"{' '.join(command)} failed")
    return ("start", ALONE)


def _rate(lab: RunningLab, config: Config, load: tuple[str, ...], pairs: int) -> float:
    """Writes and reads a second, from the first call to the last return."""
    script = Script(STEP_MS)
    actors = [f"p{i}" for i in range(PROCESSES)]
    for actor in actors:
        script.actor(actor)
    script.step("load", "-", STEP_MS, "service", *load)
    for i, actor in enumerate(actors):
        script.step(f"open{i}", actor, STEP_MS, "open", "h", rf"{config.device}\THROUGHPUT{i % 4}", "rw")
    script.parallel("all", STEP_MS)
    for actor in actors:
        for n in range(pairs):
            script.step(f"{actor}.w{n}", actor, STEP_MS, "write", "h", bytes_token(DATA))
            script.step(f"{actor}.r{n}", actor, STEP_MS, "read", "h", str(len(DATA)))
    script.end()
    events = run_script(lab, script, STEP_MS / 1000)
    ops = [event for event in events if event["e"] == "op" and event["op"] in ("read", "write")]
    if len(ops) != 2 * pairs * PROCESSES or not all(op["ok"] for op in ops):
        raise RuntimeError("not every request succeeded")
    microseconds: int = max(op["t1"] for op in ops) - min(op["t0"] for op in ops)
    return len(ops) / microseconds * 1e6
