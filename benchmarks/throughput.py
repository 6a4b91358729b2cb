"""Requests a second that eight processes get through the driver: on one thread, on many, checked, fuzzed."""

from __future__ import annotations

from benchmarks.script import run_script
from lab import bringup
from lab.config import Config
from lab.progress import Silent
from lab.running import RunningLab
from lab.traffic.script import Script, bytes_token
from lab.verifier import STANDARD, Verifier

PROCESSES = 8
PAIRS = 250
FUZZED_PAIRS = 25
STEP_MS = 600_000
DATA = bytes(range(64))
ONE_THREAD = 1


def measure(config: Config) -> None:
    """Print the rate of each way, and how it compares with one thread."""
    lab = bringup.up(config, Silent())
    threads = _threads(lab)
    one = None
    try:
        for name, dispatch, verifier, pairs in (
            ("one thread, as Wine has it", ONE_THREAD, Verifier(), PAIRS),
            (f"{threads} threads", threads, Verifier(), PAIRS),
            ("checked (verifier: standard)", threads, Verifier(STANDARD), PAIRS),
            ("fuzzed", threads, Verifier(fuzz_seed=1), FUZZED_PAIRS),
        ):
            _set_threads(lab, dispatch)
            rate = _rate(lab, config, verifier, pairs)
            one = one or rate
            print(f"  {name:30} {rate:7.0f} requests/s, {rate / one:5.2f} of one thread")
    finally:
        lab.restore()


def _key(lab: RunningLab, *arguments: str) -> str:
    said: list[str] = []
    lab.guest.stream(["reg", arguments[0], r"HKLM\Software\Wine\Ntoskrnl", *arguments[1:]], said.append, 60)
    return "\n".join(said)


def _threads(lab: RunningLab) -> int:
    return int(_key(lab, "query", "/v", "DispatchThreads").split("0x")[-1].split()[0], 16)


def _set_threads(lab: RunningLab, threads: int) -> None:
    """For driver hosts that start from now on: the one that is there ends with its service."""
    lab.restore()
    _key(lab, "add", "/v", "DispatchThreads", "/t", "REG_DWORD", "/d", str(threads), "/f")


def _rate(lab: RunningLab, config: Config, verifier: Verifier, pairs: int) -> float:
    """Writes and reads a second, from the first call to the last return."""
    script = Script(STEP_MS)
    actors = [f"p{i}" for i in range(PROCESSES)]
    for actor in actors:
        script.actor(actor)
    image = lab.ensure_driver(config.default_driver)
    script.step(
        "load", "-", STEP_MS, "service", "reload", config.driver.service, image, *verifier.tokens(lab.capabilities)
    )
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
