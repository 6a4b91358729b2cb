"""Waiting for prints in a kd log that grows."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from lab.errors import HungError
from lab.kd.log import KdLog
from lab.kd.watch import KdWatch


@pytest.fixture
def log(tmp_path: Path) -> KdLog:
    return KdLog(tmp_path)


def say(log: KdLog, *texts: str) -> None:
    for text in texts:
        log.write("print", 0, text, {})
    log.flush()


def test_a_print_that_came_before_the_wait_is_found_once(log: KdLog, tmp_path: Path) -> None:
    say(log, "before the test\n")
    watch = KdWatch(tmp_path / "kd.jsonl", log.last_seq)
    say(log, "Example_", "Write Called\nExample_Write Called, again\n")
    assert watch.wait_for_print("Example_Write", 1.0) == "Example_Write Called"
    assert watch.wait_for_print(re.compile("Write.*again$"), 1.0) == "Example_Write Called, again"
    with pytest.raises(HungError, match=r"no print with 'Example_Write' came in 0.1 s") as caught:
        watch.wait_for_print("Example_Write", 0.1)
    assert "Example_Write Called, again" in str(caught.value)
    assert watch.prints == ["Example_Write Called", "Example_Write Called, again"]


def test_a_print_that_comes_later_is_waited_for(log: KdLog, tmp_path: Path) -> None:
    watch = KdWatch(tmp_path / "kd.jsonl", 0)
    later = threading.Timer(0.2, say, [log, "late\n"])
    later.start()
    assert watch.wait_for_print("late", 5.0) == "late"
    later.join()
