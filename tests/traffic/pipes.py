"""The project's own model, its simulated driver, and histories of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Protocol, cast

from lab.config import ModelSpec
from lab.traffic.history import Operation
from lab.traffic.model import Model, load_model
from lab.traffic.rehearsal import call, rehearse

ROOT = Path(__file__).parents[2]
DEVICE = r"\\.\Example"
PIPE = DEVICE + r"\PIPE"
GET_SIZE, SET_SIZE, GET_STATISTICS, SET_MODE, FAULT = 0x222000, 0x22A004, 0x222008, 0x22A00C, 0x22A3C0
REFERENCE_LEAK, LOST_UPDATE = 6, 9


class Simulated(Protocol):
    def perform(self, operation: Operation) -> Operation: ...


def model() -> Model:
    return load_model(ModelSpec(ROOT / "driver/model/pipe.py", "Pipes"), DEVICE)


def simulated() -> Simulated:
    return cast(Simulated, load_model(ModelSpec(ROOT / "driver/model/simulated.py", "SimulatedPipes"), DEVICE))


def opening(path: str = PIPE) -> Operation:
    return call("open", path)


def closing(path: str = PIPE) -> Operation:
    return call("close", path)


def write(content: bytes, path: str = PIPE) -> Operation:
    return call("write", path, content=content)


def read(asked: int, path: str = PIPE) -> Operation:
    return call("read", path, asked=asked)


def statistics(path: str = PIPE) -> Operation:
    return call("ioctl", path, code=GET_STATISTICS, asked=24)


def change(code: int, number: int, path: str = PIPE) -> Operation:
    return call("ioctl", path, code=code, content=number.to_bytes(4, "little"))


def in_turn(*calls: tuple[str, Operation]) -> list[Operation]:
    """Calls of several processes that never overlap, with the results that the driver gives."""
    driver = simulated()
    return [
        replace(
            driver.perform(each), id=f"{number + 1}", actor=actor, t0=number * 10, t1=number * 10 + 5, number=number
        )
        for number, (actor, each) in enumerate(calls)
    ]


def traffic(length: int, processes: int, names: int, seed: int) -> list[Operation]:
    """A history of about `length` operations of mixed traffic."""
    random = Random(seed)  # noqa: S311
    calls = {}
    for process in range(processes):
        path = rf"{DEVICE}\PIPE{process % names}"
        own = [opening(path)]
        for _ in range(length // processes - 1):
            kind = random.random()
            if kind < 0.48:
                own.append(write(random.randbytes(random.randrange(100, 200)), path))
            else:
                own.append(read(200, path) if kind < 0.97 else statistics(path))
        calls[f"p{process}"] = own
    return rehearse(calls, simulated(), random)
