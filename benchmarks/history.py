"""How long it takes to judge a history, and to tell a planted violation in few operations. Needs no VM."""

from __future__ import annotations

import time
from dataclasses import replace
from random import Random
from typing import cast

from lab.config import Config, ModelSpec
from lab.traffic.explanation import explain, explain_in_words
from lab.traffic.history import Operation
from lab.traffic.linearizability import Decision, check
from lab.traffic.model import Model, load_model
from lab.traffic.rehearsal import SimulatedDriver, call, rehearse

OPERATIONS, PROCESSES, NAMES = 10_000, 8, 4
WANTED_SECONDS = 5.0
WANTED_OPERATIONS = 20
READ, SHORT_READ = 180, 100
"""Bytes asked for; the shorter ones leave the buffers full, since writes have 150 on average."""
GET_STATISTICS = 0x222008


def measure(config: Config) -> None:
    """Print both times for several seeds. Raises RuntimeError for a wrong answer."""
    model = _load(config, "pipe.py", "Pipes")
    print(f"  {OPERATIONS} operations, {PROCESSES} processes, {NAMES} names (wanted: under {WANTED_SECONDS:.0f} s)")
    told = ""
    for seed, asked in ((1, READ), (2, READ), (3, READ), (4, SHORT_READ)):
        kind = "" if asked == READ else ", buffers nearly always full"
        history = _history(config, seed, asked)
        good = _judge(history, model, Decision.LINEARIZABLE)
        wrong = _with_violation(history)
        bad = _judge(wrong, model, Decision.NOT_LINEARIZABLE)
        part = next(part for part in check(wrong, model) if part.decision is Decision.NOT_LINEARIZABLE)
        begin = time.monotonic()
        found = explain(part, model)
        short = time.monotonic() - begin
        told = explain_in_words(found)
        print(
            f"  seed {seed}{kind}: explained in {good}; a violation in the middle found in {bad}, told by "
            f"{len(found.operations)} operations, {len(found.core)} of them at odds, in {short:.2f} s more "
            f"(wanted: at most {WANTED_OPERATIONS})",
            flush=True,
        )
    print("  the last one:\n" + "\n".join(f"    {line}" for line in told.splitlines()))


def _load(config: Config, file: str, name: str) -> Model:
    return load_model(ModelSpec(config.root / "driver" / "model" / file, name), config.device)


def _judge(history: list[Operation], model: Model, wanted: Decision) -> str:
    begin, begin_cpu = time.monotonic(), time.process_time()
    decisions = {part.decision for part in check(history, model)}
    seconds = f"{time.monotonic() - begin:.2f} s ({time.process_time() - begin_cpu:.2f} s of CPU)"
    if wanted not in decisions or Decision.UNDECIDED in decisions:
        raise RuntimeError(f"the search says {decisions}, it should say {wanted}")
    return seconds


def _history(config: Config, seed: int, asked: int) -> list[Operation]:
    random = Random(seed)  # noqa: S311
    calls: dict[str, list[Operation]] = {}
    for process in range(PROCESSES):
        path = rf"{config.device}\PIPE{process % NAMES}"
        own = [call("open", path)]
        while len(own) < OPERATIONS // PROCESSES:
            kind = random.random()
            if kind < 0.5:
                own.append(call("write", path, content=random.randbytes(random.randrange(100, 200))))
            elif kind < 0.97:
                own.append(call("read", path, asked=asked))
            else:
                own.append(call("ioctl", path, code=GET_STATISTICS, asked=24))
        calls[f"p{process}"] = own
    return rehearse(calls, cast(SimulatedDriver, _load(config, "simulated.py", "SimulatedPipes")), random)


def _with_violation(history: list[Operation]) -> list[Operation]:
    """Two reads in the middle get each other's data."""
    reads = [at for at in range(len(history) // 2, len(history)) if history[at].op == "read" and history[at].data]
    one = reads[0]
    other = next(at for at in reads[8:] if history[at].path == history[one].path)
    wrong = list(history)
    wrong[one] = replace(history[one], data=history[other].data, moved=history[other].moved)
    wrong[other] = replace(history[other], data=history[one].data, moved=history[one].moved)
    return wrong
