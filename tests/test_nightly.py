"""A night: what it does, what it says, what its exit status means."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lab.nightly import Plan, Runner, notify, run_night
from lab.report.run_record import Outcome, RunRecord
from lab.results.record import open_history


class Night(Runner):
    """A runner whose scenarios end as it is told."""

    def __init__(self, root: Path, endings: list[list[str]], *, explore: int = 0, drill: int = 0) -> None:
        super().__init__(root, time.monotonic() + 60)
        self._endings = iter(endings)
        self._statuses = {"explore": explore, "drill": drill}
        self.commands: list[str] = []

    def _run(self, module: str, *arguments: str) -> int:
        self.commands.append(" ".join(arguments))
        if module == "lab":
            return next(status for name, status in self._statuses.items() if name in arguments)
        causes = next(self._endings)
        outcomes = tuple(Outcome(f"s{i}", cause) for i, cause in enumerate(causes))
        began = time.time()
        run = RunRecord(self._root / "run", f"{began}", "run", began, began + 1, outcomes=outcomes)
        with open_history(self._root) as store:
            store.add(run)
        return int(set(causes) != {"passed"})


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path, ["scenarios"], 2, 100, 5, "drill", 1)


GOOD = [["passed", "passed"]] * 2


def test_each_repetition_has_a_seed_of_its_own_and_all_parts_are_done(plan: Plan) -> None:
    runner = Night(plan.root, GOOD)
    night = run_night(plan, runner)
    assert [command.split("--lab-seed=")[1].split()[0] for command in runner.commands[:2]] == ["100", "101"]
    assert "explore --minutes=5 --seed=100" in runner.commands[2]
    assert runner.commands[3].endswith("drill drill")
    assert (night.exit_status, night.is_news) == (0, False)
    assert night.page.is_file()
    assert night.text().startswith("nightly: scenarios good, explore good, drill good\nnothing broke")


def test_the_exit_status_tells_the_driver_from_the_lab(plan: Plan) -> None:
    def status(endings: list[list[str]], explore: int = 0, drill: int = 0) -> int:
        return run_night(plan, Night(plan.root, endings, explore=explore, drill=drill)).exit_status

    assert status([["passed"], ["infrastructure"]]) == 3
    assert status(GOOD, explore=3) == 3
    assert status(GOOD, drill=1) == 1
    assert status([["passed"], ["infrastructure", "crashed"]]) == 1
    assert status(GOOD, explore=1) == 1


def test_only_what_is_otherwise_than_last_night_is_news(plan: Plan) -> None:
    def is_news(*endings: list[str]) -> bool:
        return run_night(plan, Night(plan.root, list(endings))).is_news

    bad = ["passed", "failed"]
    assert not is_news(*GOOD)
    assert is_news(bad, bad)
    assert not is_news(bad, bad)
    assert is_news(["failed", "failed"], bad)
    assert is_news(*GOOD)
    assert not is_news(*GOOD)


@pytest.mark.slow
def test_what_runs_when_the_night_is_over_is_ended(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    (plan.root / "sleeper.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(plan.root))
    runner = Runner(plan.root, time.monotonic() + 0.5)
    begin = time.monotonic()
    assert runner._run("sleeper") == 3
    assert runner._run("sleeper") == 3
    assert time.monotonic() - begin < 20
    assert sys.executable


class Hook(BaseHTTPRequestHandler):
    told: list[str]

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.told.append(json.loads(self.rfile.read(length))["text"])
        self.send_response(500 if "bad" in self.path else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[str]:
    Hook.told = []
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_news_go_to_a_file_and_a_webhook(plan: Plan, hook: str, tmp_path: Path) -> None:
    night = run_night(replace(plan, repetitions=1), Night(plan.root, [["failed"]]))
    assert notify(night, file=tmp_path / "news.txt", url=hook) == ""
    assert Hook.told == [(tmp_path / "news.txt").read_text()]
    assert "new failure: s0" in Hook.told[0]


def test_news_that_cannot_be_told_are_no_reason_to_fail(plan: Plan, hook: str, tmp_path: Path) -> None:
    night = run_night(replace(plan, repetitions=1), Night(plan.root, [["failed"]]))
    assert "answered 500" in notify(night, file=None, url=f"{hook}/bad")
    assert "begins with https" in notify(night, file=None, url="file:///etc/passwd")
    assert "could not be told" in notify(night, file=tmp_path / "no" / "news.txt", url="")
