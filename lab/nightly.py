"""The night: scenarios again and again with other seeds, exploration, the crash drill, then the page and the news."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.document import printable
from lab.errors import InfrastructureError
from lab.report.record import read_json
from lab.results.page import Morning, ask, summary, write_page
from lab.results.record import artifacts_of, open_history
from lab.results.retention import Keep, sweep

PAGE = "history.html"
STATE = "nightly.json"
"""How the last night ended, to tell what is news; in artifacts."""
STOPPING = 60.0
"""Seconds that a part has to put the guest right when the night is over."""
NOTIFY_WITHIN = 20.0

GOOD = "good"
BAD = "bad"
"""It speaks against the driver, or a drill against the lab."""
BROKEN = "could not be run"


@dataclass(frozen=True)
class Plan:
    """What a night does."""

    root: Path
    """Where lab.yaml is."""
    scenarios: Sequence[str]
    repetitions: int
    seed: int
    """Of the first repetition; each of the others has the next one."""
    explore_minutes: float
    drill: str
    """Folder; empty: no drill."""
    hours: float
    """When the night is over: what runs then is ended, the rest is not begun."""
    keep: Keep = field(default_factory=Keep)


@dataclass(frozen=True)
class Night:
    """How it went."""

    parts: dict[str, str]
    """GOOD, BAD or BROKEN of each."""
    morning: Morning | None
    """None when no scenario was run, ever."""
    page: Path
    is_news: bool
    """Something is otherwise than after the last night."""

    @property
    def exit_status(self) -> int:
        """0: all good; 1: something speaks against the driver; 3: nothing does, but not all could be run."""
        if BAD in self.parts.values():
            return 1
        return InfrastructureError.exit_code if BROKEN in self.parts.values() else 0

    def text(self) -> str:
        """For people: a headline, a line for each part, and what is new."""
        parts = ", ".join(f"{name} {state}" for name, state in self.parts.items())
        told = summary(self.morning) if self.morning else "no scenario was run\n"
        return f"nightly: {parts}\n{told}{self.page}\n"


def run_night(plan: Plan, run: Runner | None = None) -> Night:
    """Do all of it. Raises UsageError, InfrastructureError when there is no place for the results."""
    begin = time.time()
    runner = run or Runner(plan.root, time.monotonic() + plan.hours * 3600)
    parts = {}
    statuses = runner.scenarios(plan)
    if plan.explore_minutes > 0:
        parts["explore"] = _state(runner.explore(plan))
    if plan.drill:
        parts["drill"] = _state(runner.drill(plan))
    artifacts = artifacts_of(plan.root)
    with open_history(plan.root) as store:
        morning = ask(store.database, begin) if store.runs(1) else None
        broken = store.count_since(begin, "infrastructure") > 0
    parts = {"scenarios": _of_scenarios(statuses, morning, broken=broken), **parts}
    sweep(artifacts, plan.keep)
    if morning is not None:
        morning = replace(morning, parts=parts)
        write_page(morning, artifacts / PAGE)
    return Night(parts, morning, artifacts / PAGE, _is_news(artifacts / STATE, parts, morning))


class Runner:
    """Runs the parts as commands of their own, so that none takes the others with it."""

    def __init__(self, root: Path, deadline: float) -> None:
        """`deadline` is of `time.monotonic`."""
        self._root = root
        self._deadline = deadline

    def scenarios(self, plan: Plan) -> list[int]:
        """All scenarios, all repetitions; returns pytest's exit status of each. Raises UsageError."""
        return [self._pytest(plan, plan.seed + number) for number in range(plan.repetitions)]

    def explore(self, plan: Plan) -> int:
        """Returns the exit status."""
        return self._lab("explore", f"--minutes={plan.explore_minutes:g}", f"--seed={plan.seed}")

    def drill(self, plan: Plan) -> int:
        """Returns the exit status."""
        return self._lab("drill", plan.drill)

    def _pytest(self, plan: Plan, seed: int) -> int:
        return self._run("pytest", *plan.scenarios, f"--lab-seed={seed}", "-p", "no:cacheprovider")

    def _lab(self, *arguments: str) -> int:
        return self._run("lab", "--config", str(self._root / "lab.yaml"), *arguments)

    def _run(self, module: str, *arguments: str) -> int:
        left = self._deadline - time.monotonic()
        print(f"nightly: {module} {' '.join(arguments)}", flush=True)
        if left <= 0:
            print("nightly: the night is over", flush=True)
            return InfrastructureError.exit_code
        process = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=self._root)
        try:
            return process.wait(left)
        except subprocess.TimeoutExpired:
            print("nightly: the night is over", flush=True)
            return InfrastructureError.exit_code
        finally:
            _end(process)


def notify(night: Night, *, file: Path | None, url: str) -> str:
    """Tell the news to whoever wants them; returns what went wrong with that, in words."""
    try:
        if file is not None:
            file.write_text(night.text(), encoding="utf-8")
        if url:
            _post(url, night)
    except (OSError, ValueError) as error:
        return printable(f"the news could not be told: {error}", 300)
    return ""


def _post(url: str, night: Night) -> None:
    """As chats take it: `{"text": ...}`."""
    if not url.startswith(("https://", "http://")):
        raise ValueError("the address of a webhook begins with https://")
    data = json.dumps({"text": night.text()}).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=NOTIFY_WITHIN):  # noqa: S310
            pass
    except urllib.error.HTTPError as error:
        raise ValueError(f"the webhook answered {error.code}") from None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupted, a run puts its guest right and writes its report."""
    for way in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(way)
            try:
                process.wait(STOPPING)
            except subprocess.TimeoutExpired:
                continue


def _state(status: int) -> str:
    return {0: GOOD, 1: BAD}.get(status, BROKEN)


def _of_scenarios(statuses: Sequence[int], morning: Morning | None, *, broken: bool) -> str:
    """By the verdicts; pytest's own status tells only whether it could begin."""
    if morning is not None and any(each.bad for each in morning.standings):
        return BAD
    return BROKEN if broken or any(status not in (0, 1) for status in statuses) or morning is None else GOOD


def _is_news(path: Path, parts: dict[str, str], morning: Morning | None) -> bool:
    """Whether another state than the last time is written down; a signature that nobody saw before is news, too."""
    bad = sorted(each.scenario for each in morning.standings if each.bad) if morning else []
    state: dict[str, Any] = {"v": 1, "parts": parts, "bad": bad}
    before = read_json(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    is_first_and_good = before is None and set(parts.values()) == {GOOD}
    return (before != state and not is_first_and_good) or bool(morning and morning.new_signatures)
