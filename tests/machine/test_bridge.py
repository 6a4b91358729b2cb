"""A second debugger on the running guest: both see everything, and the guest does not notice its coming and going."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.guest.services import TRAFFIC
from lab.kd.client import KdClient
from lab.kd.events import PrintEvent
from lab.kd.kd_state import KdState
from lab.kd.log import KdLog, LogEntry, read_log
from lab.kd.transport import TcpTransport, UnixTransport
from lab.machine.control import call
from lab.machine.instance import KD_BRIDGE_SOCKET
from lab.running import RunningLab

from .test_snapshots import PRINTS, REMOTE, burst_script

pytestmark = pytest.mark.vm


@contextmanager
def debugger(lab: RunningLab, log: KdLog | None = None) -> Iterator[KdClient]:
    """A client on the bridge, attached."""
    client = KdClient(UnixTransport(lab.instance.path(KD_BRIDGE_SOCKET)), log)
    client.start()
    try:
        yield client
    finally:
        client.close()


def run_traffic(lab: RunningLab) -> None:
    lab.guest.put(burst_script(lab), REMOTE)
    lab.guest.stream([TRAFFIC, "run", REMOTE], lambda _line: None, 90)
    lab.sync(20)


def prints(path: Path, since: int, select: Callable[[LogEntry], bool] = lambda _: True) -> list[str]:
    return [entry.text for entry in read_log(path, since) if entry.kind == "print" and select(entry)]


def test_one_that_just_listens_sees_what_the_log_has(lab: RunningLab, tmp_path: Path) -> None:
    theirs = KdLog.at(tmp_path / "theirs.jsonl")
    with debugger(lab, theirs) as client, client.subscribe() as events:
        lab.sync(20)
        first = lab.mark(None, "a debugger listens")
        run_traffic(lab)
        expected = prints(lab.kd_log, first)
        seen: list[str] = []
        while len(seen) < len(expected):
            event = events.wait_for(lambda event: isinstance(event, PrintEvent), 10.0)
            assert isinstance(event, PrintEvent)
            seen.append(event.text)
        assert seen == expected
        assert sum(text.startswith("burst ") for text in seen) == PRINTS
    theirs.close()


def test_break_in_and_on_and_gone(lab: RunningLab) -> None:
    for turn in range(5):
        with debugger(lab) as client:
            assert client.break_in(20.0).reason == "break-in"
            assert client.version().build
            assert call(lab.instance, "status")["debugger"]
            lab.sync(5)
            if turn % 2:
                client.resume()
        first = lab.mark(None, "the debugger has left")
        run_traffic(lab)
        assert sum(text.startswith("burst ") for text in prints(lab.kd_log, first)) == PRINTS
    assert call(lab.instance, "status")["debugger"] is None


def test_a_killed_debugger_that_holds_the_guest(lab: RunningLab) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from lab.kd.client import KdClient; from lab.kd.transport import UnixTransport\n"
        "client = KdClient(UnixTransport(Path(sys.argv[1]))); client.start(); client.break_in(20)\n"
        "print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(lab.instance.path(KD_BRIDGE_SOCKET))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        first = lab.mark(None, "the debugger is killed")
        holder.kill()
        run_traffic(lab)
    assert sum(text.startswith("burst ") for text in prints(lab.kd_log, first)) == PRINTS


def test_a_snapshot_restored_under_it(lab: RunningLab) -> None:
    with debugger(lab) as client:
        client.break_in(20.0)
        lab.restore()
        first = lab.mark(None, "restored")
        run_traffic(lab)
        assert client.state is KdState.RUNNING
        assert sum(text.startswith("burst ") for text in prints(lab.kd_log, first)) == PRINTS
        client.break_in(20.0)
        client.resume()


def test_lab_kd_bridge_over_tcp(lab: RunningLab) -> None:
    command = [sys.executable, "-m", "lab", "--config", str(lab.config.path), "kd", "bridge", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bridge:
        assert bridge.stdout is not None
        port = int(bridge.stdout.readline().split(";")[0].rpartition(":")[2])
        client = KdClient(TcpTransport("127.0.0.1", port))
        client.start()
        client.break_in(20.0)
        client.resume()
        client.close()
        bridge.terminate()
    lab.sync(20)
