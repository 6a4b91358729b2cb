"""How long a target waits for its acknowledgement while somebody who uses the client is slow."""

from __future__ import annotations

import multiprocessing
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.kd.stream import recording
from lab.errors import HungError
from lab.kd.client import KdClient
from lab.kd.log import KdLog
from lab.kd.subscription import Subscription
from lab.kd.transport import SocketTransport

COUNT = 4000
GAP = 0.0005
"""Seconds between prints, on average."""
STALL = 0.2
"""Seconds for which the disk takes nothing, again and again."""


def nobody() -> AbstractContextManager[Callable[[KdClient], None]]:
    """No consumer but the log."""
    return _consumer(None)


def sleeper() -> AbstractContextManager[Callable[[KdClient], None]]:
    """A subscriber that sleeps 20 ms over every event."""

    def sleep(events: Subscription) -> None:
        events.get(0.2)
        time.sleep(0.02)

    return _consumer(sleep)


def thinker() -> AbstractContextManager[Callable[[KdClient], None]]:
    """A subscriber that computes in Python without a pause."""

    def think(events: Subscription) -> None:
        events.get(0.2)
        sum(range(20_000))

    return _consumer(think)


SITUATIONS = {"nobody else": nobody, "a subscriber that sleeps": sleeper, "a subscriber that computes": thinker}
STALLING = "a log disk that stalls"


def delays(situation: str) -> list[float]:
    """Seconds from the last byte of a print to the last byte of its acknowledgement, seen by the target."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        directory = Path(folder)
        if situation == STALLING:
            log = stack.enter_context(_stalling_log(directory))
            consume = stack.enter_context(nobody())
        else:
            log = KdLog(directory)
            stack.callback(log.close)
            consume = stack.enter_context(SITUATIONS[situation]())
        ours, theirs = socket.socketpair()
        receiving, sending = multiprocessing.Pipe(duplex=False)
        target = multiprocessing.get_context("fork").Process(target=_target, args=(theirs, sending), daemon=True)
        target.start()
        theirs.close()
        client = KdClient(SocketTransport(ours), log)
        consume(client)
        client.start()
        result: list[float] = receiving.recv()
        client.close()
        target.join()
    return result


def _target(line: socket.socket, result: Connection) -> None:
    """Prints, waits for the acknowledgement, pauses a little."""
    rng = random.Random(1)  # noqa: S311
    data = recording(COUNT)
    packets = struct.unpack_from("<H", data, 6)[0] + 17
    measured = []
    time.sleep(0.2)
    for start in range(0, len(data), packets):
        line.sendall(data[start : start + packets])
        begin = time.perf_counter()
        got = 0
        while got < 16:
            got += len(line.recv(16 - got))
        measured.append(time.perf_counter() - begin)
        time.sleep(rng.expovariate(1 / GAP))
    result.send(measured)


@contextmanager
def _consumer(step: Callable[[Subscription], None] | None) -> Iterator[Callable[[KdClient], None]]:
    ending = threading.Event()
    threads: list[threading.Thread] = []

    def consume(events: Subscription) -> None:
        while not ending.is_set():
            try:
                assert step is not None
                step(events)
            except HungError:
                continue

    def begin(client: KdClient) -> None:
        if step is not None:
            threads.append(threading.Thread(target=consume, args=(client.subscribe(),), daemon=True))
            threads[-1].start()

    yield begin
    ending.set()
    for thread in threads:
        thread.join()


@contextmanager
def _stalling_log(directory: Path) -> Iterator[KdLog]:
    """A log in a pipe that is emptied now and then: a write into it waits, as it does for a disk that is busy."""
    pipe = directory / "kd.jsonl"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDWR)
    ending = threading.Event()

    def empty() -> None:
        while not ending.wait(STALL):
            os.read(reading, 1 << 20)
        os.set_blocking(reading, False)
        while True:
            try:
                os.read(reading, 1 << 20)
            except BlockingIOError:
                if closed.wait(0.01):
                    return

    closed = threading.Event()
    thread = threading.Thread(target=empty, daemon=True)
    thread.start()
    log = KdLog.at(pipe)
    try:
        yield log
    finally:
        ending.set()
        log.close()
        closed.set()
        thread.join()
        os.close(reading)
