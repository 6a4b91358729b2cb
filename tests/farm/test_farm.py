"""What becomes of jobs: nothing is lost and nothing comes twice, whoever dies meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.cheap import Cheap
from lab.errors import InfrastructureError, UsageError
from lab.farm.certificates import make_certificates
from lab.farm.job import Ended, Job

if TYPE_CHECKING:
    from lab.farm.farm import Farm

pytestmark = pytest.mark.slow


def run(farm: Farm, cheap: Cheap, *names: str, seconds: float = 60) -> dict[str, Ended]:
    ended = list(farm.run([Job(name, scenario=name) for name in names], cheap, time.monotonic() + seconds))
    assert Counter(each.job.name for each in ended) == Counter(names)
    return {each.job.name: each for each in ended}


def test_workers_tell_their_slots_and_guests(farm: Farm) -> None:
    resources = [each["resources"] for each in farm.workers().values()]
    assert resources == [{"slot": 1, "wine": 1}] * 3


def test_each_job_ends_once_and_all_workers_have_a_part(farm: Farm, cheap: Cheap) -> None:
    names = [f"slow-{i}" for i in range(12)]
    ended = run(farm, cheap, *names)
    assert {each.manifest.cause for each in ended.values()} == {"passed"}
    assert sorted(cheap.began()) == sorted(names)
    assert len({each.worker for each in ended.values()}) == 3


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(farm: Farm, cheap: Cheap) -> None:
    names = [f"slow-{i}" for i in range(15)]

    def kill() -> None:
        while "slow-5" not in cheap.began():
            time.sleep(0.01)
        os.kill(cheap.pids("slow-5")[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    ended = run(farm, cheap, *names)
    killer.join()
    assert {each.manifest.cause for each in ended.values()} == {"passed"}
    (again,) = (each for each in ended.values() if each.attempts)
    assert again.job.name == "slow-5"
    assert again.worker not in again.attempts[0]
    assert Counter(cheap.began()) == Counter([*names, "slow-5"])


def test_failures_of_the_lab_are_tried_elsewhere(farm: Farm, cheap: Cheap) -> None:
    ended = run(farm, cheap, "once-a", "broken-b")
    assert ended["once-a"].manifest.cause == "passed"
    assert ended["once-a"].worker not in ended["once-a"].attempts[0]
    assert "had no disk" in ended["once-a"].attempts[0]
    assert ended["broken-b"].manifest.cause == "infrastructure"
    assert len(set(cheap.pids("broken-b"))) == 3


def test_a_verdict_on_the_driver_is_never_tried_again(farm: Farm, cheap: Cheap) -> None:
    ended = run(farm, cheap, "crashed-a", "failed-b")
    assert [each.manifest.cause for each in ended.values()].count("crashed") == 1
    assert sorted(cheap.began()) == ["crashed-a", "failed-b"]


def test_a_job_that_kills_workers_is_quarantined_and_the_others_end(farm: Farm, cheap: Cheap) -> None:
    names = ["deadly-a", *(f"slow-{i}" for i in range(8))]
    ended = run(farm, cheap, *names)
    assert ended.pop("deadly-a").manifest.reason == "quarantined: 2 workers died of it"
    assert {each.manifest.cause for each in ended.values()} == {"passed"}
    assert cheap.began().count("deadly-a") == 2
    assert list(farm.quarantined().values()) == ["quarantined: 2 workers died of it (deadly-a)"]
    assert "quarantined" in run(farm, cheap, "deadly-a")["deadly-a"].manifest.reason
    assert cheap.began().count("deadly-a") == 2


def test_what_has_not_ended_in_time_is_told(farm: Farm, cheap: Cheap, address: str, certificates: Path) -> None:
    ended = run(farm, cheap, *(f"endless-{i}" for i in range(4)), seconds=3)
    assert {each.manifest.reason for each in ended.values()} == {"the time was over before it ended"}
    for name in range(3):
        for pid in cheap.pids(f"endless-{name}"):
            os.kill(pid, signal.SIGKILL)  # A worker does not end what it does for nobody.
    command = [sys.executable, "-m", "lab", "farm", "status", address, "--certificates", str(certificates)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert told.endswith("slots\n")


def test_strangers_are_refused(address: str, tmp_path: Path) -> None:
    from lab.farm.farm import connect

    make_certificates(tmp_path)
    with pytest.raises(InfrastructureError, match="no farm at tls://"), connect(address, tmp_path):
        pass
    with pytest.raises(UsageError, match="is no farm"), connect(address.replace("tls", "tcp"), tmp_path):
        pass
