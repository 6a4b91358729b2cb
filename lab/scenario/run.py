"""Runs one checked scenario on a running lab, and gives its verdict."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lab import __name__ as package
from lab.document import printable
from lab.errors import Cause, HungError, LabError
from lab.incidents import Kind
from lab.scenario.aftermath import Aftermath
from lab.scenario.artifacts import ArtifactDirectory
from lab.scenario.comparison import compare
from lab.scenario.judge import judge_prompts
from lab.scenario.judge_crash import judge_crash
from lab.scenario.kd_slice import is_print, log_end, read_slice
from lab.scenario.log_expectations import ATTRIBUTION
from lab.scenario.model import ExpectedCrash, Isolation, Scenario
from lab.scenario.observed import Recorder
from lab.scenario.performance import Performance
from lab.scenario.pulse import Beat, liveness
from lab.scenario.record import Record
from lab.scenario.render import guest_files, render
from lab.scenario.running import RunningLab
from lab.scenario.verdict import Verdict

SCRIPT = r"C:\lab\run\scenario.traffic"
GRACE = 3.0
"""Seconds that the traffic program gets to report its own time-out before its command is given up."""
BEAT = 1.0
"""Seconds between two looks at what the guest has used."""
ENDED = 0x80000000
"""Exit codes from here on are NTSTATUS values: of programs that did not end by themselves."""
GOES_DOWN_WITHIN = 8.0
"""Seconds from the end of its programs until a guest that shuts down is off."""
POLL = 0.1
SYNC_TIMEOUT = 10.0
SYNC_TIMEOUT_HUNG = 2.0


def run_scenario(lab: RunningLab, scenario: Scenario, run_directory: Path) -> Verdict:
    """Run `scenario`, leave its artifacts below `run_directory`, and say how it ended.

    Raises nothing but KeyboardInterrupt: whatever goes wrong has a cause class. The verdict is there 10 s after
    the scenario's timeout at the latest, not counting the putting back of a snapshot before it starts, and the
    securing of evidence after it.
    """
    with ArtifactDirectory(run_directory, scenario.id) as artifacts:
        verdict = _Run(lab, scenario, artifacts).verdict()
        verdict.artifacts = artifacts.path
    return verdict


class _Run:
    """One run of one scenario."""

    def __init__(self, lab: RunningLab, scenario: Scenario, artifacts: ArtifactDirectory) -> None:
        self._lab = lab
        self._scenario = scenario
        self._artifacts = artifacts
        self._record = Record(lab, scenario, artifacts, Aftermath(lab, artifacts))
        self._beats: list[Beat] = []
        self._start = 0
        """Where the scenario's part of the kd log begins."""
        self._deadline = 0.0
        """When the scenario, or one of its steps, must be over; of `time.monotonic`."""

    def verdict(self) -> Verdict:
        missing = sorted(self._scenario.requires - self._lab.capabilities)
        if self._scenario.elsewhere:
            verdict = Verdict(self._scenario, Cause.SKIPPED, self._scenario.elsewhere)
        elif missing:
            verdict = Verdict(self._scenario, Cause.SKIPPED, f"the guest lacks {', '.join(missing)}")
        else:
            verdict = self._attempt()
        verdict.timings = self._record.timings
        verdict.kd_lines = self._record.own_kd.lines
        if self._record.recorder:
            verdict.operations = len(self._record.recorder.observed.ops)
        self._record.keep(verdict)
        return verdict

    def _attempt(self) -> Verdict:
        try:
            return self._perform()
        except LabError as error:
            return self._given_up(error)
        except Exception as error:  # A mistake of the lab's own must not look like one of the driver's.
            self._artifacts.write("traceback.txt", traceback.format_exc())
            details = ["the whole traceback is in traceback.txt"]
            return self._ended(Cause.INFRASTRUCTURE, own_mistake(error), details)

    def _given_up(self, error: LabError) -> Verdict:
        """The guest does not answer, or the lab cannot go on: whatever was noticed first is the cause."""
        details = [str(error), *([error.advice] if error.advice else [])]
        with suppress(LabError):
            if self._lab.crash_seen() is not None:
                return self._crashed(details)
            held = self._lab.held_stop()
            if held is not None:
                return self._held(held, details[:1])
        lost = self._lost()
        if lost is not None and error.cause is not Cause.USAGE:
            return self._ended(Cause.GUEST_LOST, lost, details)
        return self._ended(error.cause, details[0], details[1:])

    def _lost(self) -> str | None:
        """How the guest went, if it did."""
        lost = [each for each in self._lab.incidents() if each.cause is Cause.GUEST_LOST]
        # Of a machine that died the debugger only knows that its link is gone.
        return max(lost, key=lambda each: each.kind != Kind.LINK_LOST).text if lost else None

    def _crashed(self, details: list[str]) -> Verdict:
        """Bring in what the crash left, while the guest is still there."""
        with self._phase("crash"):
            reason, lines = self._record.aftermath.of_crash()
            with suppress(LabError):
                self._lab.sync(SYNC_TIMEOUT_HUNG)
            self._record.kd = read_slice(self._lab.kd_log, self._start)
        return self._ended(Cause.CRASHED, reason, [*lines, *details])

    def _ended(self, cause: Cause, reason: str, details: Sequence[str] = ()) -> Verdict:
        return Verdict.ended(self._scenario, cause, reason, list(details))

    def _held(self, stop: str, details: list[str]) -> Verdict:
        verdict = self._ended(Cause.HUNG, f"stopped at {stop}; attach: lab kd shell", details)
        verdict.held = True
        return verdict

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self._record.timings[name] = round(time.monotonic() - start, 3)

    def _perform(self) -> Verdict:
        with self._phase("prepare"):
            program = self._prepare()
        start = self._start = log_end(self._lab.kd_log)
        try:
            return self._observe(start, program)
        finally:
            with suppress(LabError):
                self._lab.mark(None, f"end {self._scenario.id}")
                self._lab.debugger(None)
            self._record.kd = read_slice(self._lab.kd_log, start)

    def _prepare(self) -> str:
        """Everything into the guest; returns the path of the traffic program there."""
        if self._scenario.isolation is Isolation.SNAPSHOT:
            self._lab.restore()
        else:
            self._lab.heal()
        self._lab.debugger(self._scenario.debugger)
        ensure = {"driver": self._lab.ensure_driver, "program": self._lab.ensure_program}
        paths = {file: ensure[file.kind](file.name) for file in guest_files(self._scenario)}
        markers = self._scenario.is_announced and ATTRIBUTION in self._lab.capabilities
        self._record.arranged = self._lab.arrange_verifier(self._scenario.verifier, self._scenario.driver.name)
        verify = self._scenario.verifier.tokens(self._lab.capabilities)
        script = render(self._scenario, paths, markers=markers, verify=verify)
        self._artifacts.write("script.txt", script)
        self._lab.guest.put(script.encode(), SCRIPT)
        return self._lab.ensure_traffic()

    def _observe(self, start: int, program: str) -> Verdict:
        """From the first marker to the verdict; whatever ends it, the traffic program's events are on disk."""
        self._lab.mark(self._scenario.id, f"begin {self._scenario.id}")
        self._deadline = time.monotonic() + self._scenario.timeout
        hung: HungError | None = None
        code: int | None = 0
        with self._phase("traffic"), self._artifacts.file("events.jsonl").open("w", encoding="ascii") as events:
            self._record.recorder = Recorder(events)
            argv = [program, "run", SCRIPT]
            performance = Performance(self._lab.guest, argv, self._record.recorder.line, self._scenario.timeout + GRACE)
            try:
                code = performance.wait(self._watch, self._is_hung)
            except HungError as error:
                hung = error
            else:
                if code is not None and code >= ENDED:
                    self._await_end()
        # Of a crash the report comes first; what was printed is asked for when that is done.
        if self._lab.crash_seen() is None:
            with self._phase("sync"):
                hung = self._sync(hung)
        with self._phase("check"):
            self._record.kd = read_slice(self._lab.kd_log, start)
            return self._decide(self._record.recorder, code, hung)

    def _watch(self) -> bool:
        """Feel the guest's pulse once a second. Is it dead?"""
        now = time.monotonic()
        if self._record.recorder and (not self._beats or now - self._beats[-1].t >= BEAT):
            with suppress(LabError):
                used = self._lab.pulse()
                self._beats.append(
                    Beat(now, used["cpu"], used["disk"], len(self._record.recorder.observed.ops), used["waited"])
                )
        return any(each.cause is not None for each in self._lab.incidents())

    def _await_end(self) -> None:
        """The guest's system has ended the traffic program: mostly because it goes down."""
        deadline = time.monotonic() + GOES_DOWN_WITHIN
        while time.monotonic() < deadline and not any(each.cause is not None for each in self._lab.incidents()):
            time.sleep(POLL)

    def _is_hung(self) -> bool:
        """Has the traffic program run out of time? It would go on to end its processes, which a driver may hold."""
        if self._record.recorder is None or self._record.recorder.observed.timeout is None:
            return False
        self._deadline = min(self._deadline, time.monotonic())
        return not list(judge_prompts(self._scenario, read_slice(self._lab.kd_log, self._start)))

    def _sync(self, hung: HungError | None) -> HungError | None:
        try:
            self._lab.sync(SYNC_TIMEOUT_HUNG if hung else SYNC_TIMEOUT)
        except HungError as error:
            return hung or error
        return hung

    def _decide(self, recorder: Recorder, code: int | None, hung: HungError | None) -> Verdict:
        seen = recorder.observed
        held = self._lab.held_stop()
        if self._lab.crash_seen() is not None:
            verdict = self._crashed(self._pending(recorder))
            if self._scenario.crash is not None:
                verdict = self._as_wanted(self._scenario.crash, verdict, recorder)
            verdict.held = held is not None
            return verdict
        lost = self._lost()
        if lost is not None:
            return self._ended(Cause.GUEST_LOST, lost, self._pending(recorder))
        if held is not None:
            return self._held(held, self._pending(recorder))
        forbidden = list(judge_prompts(self._scenario, self._record.kd))
        if forbidden and (hung or seen.timeout):
            return Verdict.failed(self._scenario, forbidden)
        if seen.timeout is not None or hung is not None:
            return self._hung(recorder, hung)
        refused = [fault for fault in seen.faults if not fault.id]
        if seen.done is None or refused:
            what = f": {refused[0].what}" if refused else ""
            reason = f"the traffic program gave up, exit code {code}{what}"
            return self._ended(Cause.INFRASTRUCTURE, reason, ["see script.txt and events.jsonl"])
        loaded = self._record.loaded()
        if loaded and self._record.arranged:
            self._record.arranged = self._lab.verifier_in_force(self._scenario.driver.name)
        if loaded and (self._record.verified() or 0) != self._scenario.verifier.level(self._lab.capabilities):
            ran = ", ".join(self._record.ran() or ["nothing"])
            return self._ended(Cause.INFRASTRUCTURE, f"Driver Verifier checked {ran}, not what was asked for")
        return compare(self._record, recorder.observed)

    def _as_wanted(self, wanted: ExpectedCrash, crashed: Verdict, recorder: Recorder) -> Verdict:
        """The verdict on a crash that had to come: what came before it is judged, and whether it is the right one."""
        differences = judge_crash(wanted, self._record.aftermath.crash)
        if differences:
            crashed.failures = differences
            crashed.reason += f" (the scenario has to end in {wanted})"
            return crashed
        return compare(self._record, recorder.observed)

    def _pending(self, recorder: Recorder) -> list[str]:
        if recorder.observed.done and not recorder.observed.timeout:
            return []
        return [f"not returned: {item}" for item in recorder.observed.pending(self._scenario)]

    def _hung(self, recorder: Recorder, hung: HungError | None) -> Verdict:
        pending = self._pending(recorder)
        timeout = recorder.observed.timeout
        if pending:
            reason = pending[0]
        elif timeout is not None:
            reason = f"{timeout.id or 'the scenario'} ran out of time: {timeout.what}"
        else:
            reason = str(hung)
        faults = [printable(fault.what, 300) for fault in recorder.observed.faults]
        return self._looked_into(reason, recorder.observed.pending(self._scenario) if pending else [], faults)

    def _looked_into(self, reason: str, pending: list[str], faults: list[str]) -> Verdict:
        """Say how the guest was, then stop it and see where everybody stands."""
        now = time.time()
        prints = [(now - entry["t"], entry["text"]) for entry in self._record.kd.entries if is_print(entry)]
        state = liveness(self._beats, prints, time.monotonic())
        verdict = self._ended(Cause.HUNG, f"{reason}; {state}", [f"not returned: {each}" for each in pending] + faults)
        late = time.monotonic() - self._deadline
        with self._phase("hang"):
            verdict.details += self._record.aftermath.of_hang(reason, state, pending, late)
        return verdict


def own_mistake(error: Exception) -> str:
    """One line for an exception that no code of the lab's should have let out, with the place it came from."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if f"/{package}/" in frame.filename]
    at = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"the lab itself failed: {type(error).__name__}: {printable(str(error), 200)}{at}"
