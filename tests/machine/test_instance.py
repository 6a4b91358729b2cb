"""Locks and state files of a VM directory, across real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import InfrastructureError
from lab.machine.instance import KEPT_LOGS, Instance

HOLDER = """
import sys, time
from pathlib import Path
from lab.machine.instance import Instance
with Instance(Path(sys.argv[1])).lock("supervisor", "busy"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    instance = Instance(tmp_path / "vm")
    instance.create()
    return instance


def hold_lock(instance: Instance) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(instance.directory)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_lock_names_its_holder_and_ends_with_it(instance: Instance) -> None:
    with hold_lock(instance) as holder:
        assert instance.is_supervised()
        with pytest.raises(InfrastructureError, match=rf"taken \(process {holder.pid}\)"):
            instance.lock("supervisor", "taken").__enter__()
        holder.kill()
        holder.wait()
        assert not instance.is_supervised()
        with instance.lock("supervisor", "taken"):
            pass


def test_directory_is_private(instance: Instance) -> None:
    assert instance.directory.stat().st_mode & 0o777 == 0o700


def test_state_cut_short_reads_as_empty(instance: Instance) -> None:
    instance.write("state.json", {"phase": "ready"})
    assert instance.read("state.json") == {"phase": "ready"}
    instance.path("state.json").write_text('{"phase": "re')
    assert instance.read("state.json") == {}
    assert instance.read("never-written.json") == {}


def test_old_logs_are_dropped_and_current_is_the_newest(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for second in range(KEPT_LOGS + 3):
        monkeypatch.setattr("time.strftime", lambda _format, second=second: f"20260101-0000{second:02}")
        directory = instance.new_log_directory()
        (directory / "kd.jsonl").write_text("{}\n")
        made.append(directory)
    kept = [each for each in made if each.exists()]
    assert kept == made[-KEPT_LOGS:]
    assert instance.path("logs/current").resolve() == made[-1]
