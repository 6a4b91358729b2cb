from __future__ import annotations

import argparse
import io
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from lab.kd.follow import add_arguments, follow_log
from lab.kd.log import KdLog


def until(condition: Callable[[], bool], timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def following(path: Path, *arguments: str) -> Iterator[io.StringIO]:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out, ended = io.StringIO(), threading.Event()
    console = Console(file=out, width=60, highlight=False, soft_wrap=True, color_system=None)
    work = threading.Thread(target=lambda: follow_log(path, parser.parse_args(arguments), console, ended.is_set))
    work.start()
    try:
        yield out
    finally:
        ended.set()
        work.join()


def say(log: KdLog, text: str) -> None:
    log.write("print", 0, text, {})
    log.flush()


def test_it_begins_with_the_newest_entries_that_fit(tmp_path: Path) -> None:
    log = KdLog(tmp_path)
    for number in range(100):
        log.write("print", 0, f"{number}\n", {})
    log.close()
    with following(log.path) as all_of_it, following(log.path, "--grep", "^[1-4]$") as some:
        until(lambda: "99" in all_of_it.getvalue() and "4" in some.getvalue())
    assert [line.split()[-1] for line in all_of_it.getvalue().splitlines()] == [
        str(number) for number in range(80, 100)
    ]
    assert [line.split()[-1] for line in some.getvalue().splitlines()] == ["1", "2", "3", "4"]


def test_it_goes_on_with_the_log_of_the_next_start(tmp_path: Path) -> None:
    current = tmp_path / "current"
    current.symlink_to("first")
    log = KdLog(tmp_path / "first")
    say(log, "one\n")
    with following(current / "kd.jsonl") as out:
        until(lambda: "one" in out.getvalue())
        log.marker("begin", scenario="wraps around")
        say(log, "half ")
        until(lambda: "half" in out.getvalue())
        say(log, "line\nunfinished")
        log.close()
        (tmp_path / "new").symlink_to("second")
        (tmp_path / "new").replace(current)
        time.sleep(0.15)
        second = KdLog(tmp_path / "second")
        say(second, "two\n")
        until(lambda: "two" in out.getvalue())
        second.close()
    text = out.getvalue()
    assert " half line\n" in text
    order = ["one", "wraps around ─", "half line\n", "unfinished\n", "the VM was started again: second ─", "two\n"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert text.count("one") == text.count("half") == text.count("two") == 1


def test_a_log_that_was_cut_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = KdLog(tmp_path)
    say(log, "a long text before\n")
    with following(log.path) as out:
        until(lambda: "before" in out.getvalue())
        log.path.write_bytes(b"")
        time.sleep(0.3)
        say(log, "after\n")
        until(lambda: "after" in out.getvalue())
    log.close()


def test_ctrl_c_ends_it_quietly(tmp_path: Path) -> None:
    log = KdLog(tmp_path)
    say(log, "hello")
    command = [sys.executable, "-u", "-m", "lab", "kd", "follow", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.read(20).endswith("hello")
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(10) == 0
        finally:
            process.kill()
        assert process.stdout.read() == "\n"
        assert process.stderr.read() == ""
    log.close()
